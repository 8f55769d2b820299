/** The loss of a classifier, and how many examples it gets right. */
import * as tf from '@tensorflow/tfjs-core';

import { softmaxCrossEntropy } from '../../training/cross_entropy';

/** Below it a probability of a softmax counts as this: its logarithm stays finite. */
const LEAST = 1e-7;

/**
 * Mean cross entropy.
 *
 * @param labels class of each example, `[batch]`, int32
 * @param outputs logits or probabilities, `[batch, classes]`
 */
export function classificationLoss(
  labels: tf.Tensor,
  outputs: tf.Tensor,
  givesProbabilities: boolean,
  labelSmoothing: number,
): tf.Scalar {
  // Of logarithms of probabilities the softmax is the probabilities themselves.
  const logits = givesProbabilities ? tf.log(tf.clipByValue(outputs, LEAST, 1)) : outputs;
  return softmaxCrossEntropy(labels, logits, { labelSmoothing });
}

/** How many examples have their class as the most likely one, a scalar. */
export function countRight(labels: tf.Tensor, outputs: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const predicted = tf.cast(tf.argMax(outputs, 1), 'int32');
    return tf.sum(tf.cast(tf.equal(predicted, labels), 'float32')) as tf.Scalar;
  });
}
