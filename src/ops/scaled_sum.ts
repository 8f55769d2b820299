/** What levels are added up by: sums with a factor per channel, and their inverse. */
import * as tf from '@tensorflow/tfjs-core';

import { free } from './engine/tensors';
import { SCALED_SUM, UNDO_LEVEL } from './kernels/contract';
import { runFused } from './kernels/fused';

/** `x scale + other`, without a tape node: x `[..., c]`, scale `[c]`, other `[..., c]` or `[c]`. */
export function scaledSum(x: tf.Tensor, scale: tf.Tensor, other: tf.Tensor): tf.Tensor {
  return runFused(SCALED_SUM, { x, scale, other }, {}, () => {
    const scaled = tf.mul(x, scale);
    const y = tf.add(scaled, other);
    free(scaled);
    return y;
  });
}

/** `(c - f) / alpha`, without a tape node: c and f `[..., c]`, alpha `[c]`. */
export function undone(c: tf.Tensor, f: tf.Tensor, alpha: tf.Tensor): tf.Tensor {
  return runFused(UNDO_LEVEL, { c, f, alpha }, {}, () => tf.div(tf.sub(c, f), alpha));
}
