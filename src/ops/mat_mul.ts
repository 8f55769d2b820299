import * as tf from '@tensorflow/tfjs-core';

import { runFused } from './engine/define_op';

/** Backends whose `matMul` is best left to transpose by itself, where they have no kernel of ours. */
const TRANSPOSES_WELL: ReadonlySet<string> = new Set(['cpu', 'tensorflow']);

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
  return runFused(
    'RevColMatMul',
    { a, b },
    { transposeA, transposeB },
    () => plainMatMul(a, b, transposeA, transposeB) as tf.Tensor2D,
  );
}

/** One matrix product per batch entry: `a` `[n, i, j]` or its transpose, `b` `[n, j, k]` or so. */
export function batchMatMul(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor3D {
  return runFused(
    'RevColBatchMatMul',
    { a, b },
    { transposeA, transposeB },
    () => plainMatMul(a, b, transposeA, transposeB) as tf.Tensor3D,
  );
}

/** `x W + bias` on matrices: `x` `[m, k]`, `weight` `[k, n]`, `bias` `[n]`. */
export function affine2d(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  if (tf.getBackend() === 'cpu') {
    return tf.tidy(() => tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias));
  }
  return runFused('RevColMatMul', { a: x, b: weight, bias }, {}, () =>
    tf.fused.matMul({ a: x as tf.Tensor2D, b: weight as tf.Tensor2D, bias }),
  ) as tf.Tensor2D;
}

/** Sum over rows of a matrix, `[m, n]` to `[n]`: the gradient of a bias. */
export function columnSum(x: tf.Tensor): tf.Tensor1D {
  if (tf.getBackend() === 'tensorflow') {
    // A product with a row of ones runs three times faster there than Sum over the outer axis.
    return tf.tidy(() => {
      const ones = tf.ones([1, x.shape[0] as number]) as tf.Tensor2D;
      return tf.reshape(matMul2d(ones, x), [x.shape[1] as number]);
    });
  }
  return runFused('RevColColumnSum', { x }, {}, () => tf.sum(x, 0) as tf.Tensor1D);
}

/** Flattens all but the last axis: `[..., c]` to `[m, c]`. */
export function toMatrix(x: tf.Tensor): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape[x.rank - 1] as number]);
}
