/** Products of matrices, one or a batch of them, by whichever way is fast on the backend in use. */
import * as tf from '@tensorflow/tfjs-core';

import { BATCH_MAT_MUL, MAT_MUL } from './kernels/contract';
import { runFused } from './kernels/fused';

/** Backends whose `matMul` is best left to transpose by itself, where they have no kernel of ours. */
const TRANSPOSES_WELL: ReadonlySet<string> = new Set(['cpu', 'tensorflow', 'webgl']);

/**
 * `tf.matMul` of matrices, or of one matrix per batch entry. On wasm `transposeA/B` takes a path about
 * ten times slower, and on webgpu `transposeB` is wrong in its split-K program, so an operand is
 * transposed first except where that is known to be worse.
 */
function plainMatMul(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
): tf.Tensor {
  if (TRANSPOSES_WELL.has(tf.getBackend())) return tf.matMul(a, b, transposeA, transposeB);
  const axes = a.rank === 2 ? [1, 0] : [0, 2, 1];
  return tf.matMul(transposeA ? tf.transpose(a, axes) : a, transposeB ? tf.transpose(b, axes) : b);
}

/** Matrix product of `a` (`[m, k]`, or `[k, m]` with `transposeA`) and `b` (`[k, n]` or `[n, k]`). */
export function matMul2d(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor2D {
  return runFused(MAT_MUL, { a, b }, { transposeA, transposeB }, () =>
    plainMatMul(a, b, transposeA, transposeB),
  ) as tf.Tensor2D;
}

/** One matrix product per batch entry: `a` `[n, i, j]` or its transpose, `b` `[n, j, k]` or so. */
export function batchMatMul(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor3D {
  return runFused(BATCH_MAT_MUL, { a, b }, { transposeA, transposeB }, () =>
    plainMatMul(a, b, transposeA, transposeB),
  ) as tf.Tensor3D;
}

/** Flattens all but the last axis: `[..., c]` to `[m, c]`. */
export function toMatrix(x: tf.Tensor): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape[x.rank - 1] as number]);
}
