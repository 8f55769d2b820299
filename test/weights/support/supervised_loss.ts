/** The loss of intermediate supervision (RevCol paper, section 2.3), as the goldens use it. */
import * as tf from '@tensorflow/tfjs';

const IMAGE_WEIGHT = 3;
const CLASS_WEIGHT = 0.7;

/**
 * Binary cross entropy to the image, fading with depth, and cross entropy to the label, growing with
 * depth.
 *
 * @param outputs of a supervised model: `[logits x4, image x3]`
 * @param image01 the image to reconstruct, `[batch, height, width, 3]`, intensities from 0 to 1
 * @param target class numbers, `[batch]`, int32
 */
export function supervisedLoss(
  outputs: readonly tf.Tensor[],
  image01: tf.Tensor,
  target: tf.Tensor1D,
): tf.Scalar {
  const images = outputs.filter(({ rank }) => rank === 4);
  const logits = outputs.filter(({ rank }) => rank === 2);
  return tf.tidy(() => {
    const labels = tf.oneHot(target, logits[0]?.shape[1] as number);
    const wanted = tf.clipByValue(image01, 0.01, 0.99);
    const crossEntropy = (scores: tf.Tensor): tf.Tensor =>
      tf.losses.softmaxCrossEntropy(labels, scores);
    const terms = images.flatMap((image, i) => [
      tf.mul(
        IMAGE_WEIGHT * (1 - i / images.length),
        tf.losses.sigmoidCrossEntropy(wanted, image) as tf.Tensor,
      ),
      tf.mul((CLASS_WEIGHT * (i + 1)) / logits.length, crossEntropy(logits[i] as tf.Tensor)),
    ]);
    return tf.addN([...terms, crossEntropy(logits.at(-1) as tf.Tensor)]) as tf.Scalar;
  });
}
