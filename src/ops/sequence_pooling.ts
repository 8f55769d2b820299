/** From the tokens of a sequence to one vector: their mean, or the last of them. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';

/** The share of each token in the mean of its sequence, `[batch, time, 1]`; 0 where hidden. */
function shares(mask: tf.Tensor): tf.Tensor {
  const seen = tf.cast(mask, 'float32');
  return tf.expandDims(tf.div(seen, tf.maximum(tf.sum(seen, 1, true), 1)), 2);
}

const maskedMeanOp = defineOp({
  name: 'RevColMaskedMean',
  inputs: ['x', 'mask'],
  forward: ({ x, mask }) => tf.sum(tf.mul(x, shares(mask)), 1),
  backward: (dy, { mask }) => ({
    x: () => tf.mul(tf.expandDims(dy, 1), shares(mask)),
    mask: null,
  }),
});

/**
 * Mean over the tokens that are real, as one tape node; 0 for a sequence that has none.
 *
 * @param x `[batch, time, width]`, float32
 * @param mask `[batch, time]`: which tokens are real, bool, or 0 and 1
 * @returns `[batch, width]`
 */
export function maskedMean(x: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  return maskedMeanOp({ x, mask });
}

/** The last token of every sequence alone: `[batch, time, width]` to `[batch, 1, width]`. */
export function lastToken(x: tf.Tensor): tf.Tensor {
  const [batch, time, width] = x.shape as [number, number, number];
  return tf.slice(x, [0, time - 1, 0], [batch, 1, width]);
}
