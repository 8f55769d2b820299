/** Cross entropy of pixels, whose logits are resized to the labels on the way, one image at a time. */
import * as tf from '@tensorflow/tfjs-core';

import { isClass } from '../class_ids';
import { defineOp } from '../engine/define_op';
import { resizeBackward, resizeForward } from './resize';

interface Attrs {
  ignored: number;
}

/** One image of a batch: its logits at the labels' size, `[pixels, classes]`, and its labels `[pixels]`. */
interface Pixels {
  rows: tf.Tensor2D;
  labels: tf.Tensor1D;
}

function pixelsOf(logits: tf.Tensor, labels: tf.Tensor, image: number): Pixels {
  const [, h, w, classes] = logits.shape as [number, number, number, number];
  const [, height, width] = labels.shape as [number, number, number];
  const own = tf.slice(logits, [image, 0, 0, 0], [1, h, w, classes]);
  const resized = resizeForward(own, [height, width]);
  return {
    rows: tf.reshape(resized, [height * width, classes]),
    labels: tf.reshape(tf.slice(labels, [image, 0, 0], [1, height, width]), [height * width]),
  };
}

/** By how much each pixel counts: 1, 0 where it is ignored, NaN where its label is no class. */
function shares({ rows, labels }: Pixels, ignored: number): tf.Tensor {
  const counts = tf.notEqual(labels, tf.scalar(ignored, 'int32'));
  const outside = tf.logicalAnd(counts, tf.logicalNot(isClass(labels, rows.shape[1])));
  return tf.where(outside, tf.fill(labels.shape, NaN), tf.cast(counts, 'float32'));
}

/** Row and column of every pixel's logit, `[pixels, 2]`; of a label that is no class, that of class 0. */
function places({ rows, labels }: Pixels): tf.Tensor {
  const inside = tf.where(isClass(labels, rows.shape[1]), labels, tf.zerosLike(labels));
  return tf.stack([tf.range(0, labels.shape[0], 1, 'int32'), inside], 1);
}

/** Sum of what all pixels of an image lose. */
function lossOf(pixels: Pixels, ignored: number): tf.Tensor {
  const x = tf.sub(pixels.rows, tf.max(pixels.rows, 1, true));
  const total = tf.log(tf.tidy(() => tf.sum(tf.exp(x), 1)));
  const losses = tf.sub(total, tf.gatherND(x, places(pixels)));
  const share = shares(pixels, ignored);
  // A product would make NaN of an infinite loss that does not count.
  return tf.sum(tf.where(tf.equal(share, 0), tf.zerosLike(share), tf.mul(losses, share)));
}

/** Gradient of `lossOf` times `scale`, with respect to the rows. */
function lossGradient(pixels: Pixels, ignored: number, scale: tf.Tensor): tf.Tensor {
  const factors = tf.mul(shares(pixels, ignored), scale);
  const column = tf.reshape(factors, [factors.size, 1]);
  const spread = tf.tidy(() => {
    const products = tf.mul(tf.softmax(pixels.rows), column);
    // As in the loss: a product would make NaN of logits that do not count.
    return tf.where(tf.equal(column, 0), tf.zerosLike(products), products);
  });
  const at = places(pixels);
  const updated = tf.sub(tf.gatherND(spread, at), factors);
  const result = tf.tensorScatterUpdate(spread, at, updated);
  spread.dispose();
  return result;
}

const pixelCrossEntropyOp = defineOp({
  name: 'RevColPixelCrossEntropy',
  inputs: ['logits', 'labels'],
  forward: ({ logits, labels }, { ignored }: Attrs) => {
    let sum: tf.Tensor = tf.scalar(0);
    for (let i = 0; i < (logits.shape[0] as number); i++) {
      sum = tf.tidy(() => tf.add(sum, lossOf(pixelsOf(logits, labels, i), ignored)));
    }
    return tf.div(sum, labels.size);
  },
  backward: (dy, { logits, labels }, { ignored }) => ({
    logits: () => {
      const [, h, w, classes] = logits.shape as [number, number, number, number];
      const [, height, width] = labels.shape as [number, number, number];
      const scale = tf.div(dy, labels.size);
      const gradients = Array.from({ length: logits.shape[0] as number }, (_, i) =>
        tf.tidy(() => {
          const rows = lossGradient(pixelsOf(logits, labels, i), ignored, scale);
          const image = tf.reshape(rows, [1, height, width, classes]);
          return resizeBackward(image, [1, h, w, classes]);
        }),
      );
      return tf.concat(gradients, 0);
    },
    labels: null,
  }),
});

/**
 * Cross entropy of pixels as one tape node that saves the logits at their own size: they are resized
 * to the labels (bilinear, half-pixel centres), image by image. The mean is over **all** pixels; those
 * whose label is ignored count as 0.
 *
 * @param logits `[batch, h, w, classes]`, float32
 * @param labels class of each pixel, `[batch, height, width]`, int32, each in [0, classes) or `ignored`
 * @returns a scalar; NaN where a label is neither
 */
export function pixelCrossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  ignored: number,
): tf.Scalar {
  return pixelCrossEntropyOp({ logits, labels }, { ignored }) as tf.Scalar;
}
