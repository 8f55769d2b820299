/** The linear layer, `x W + b` over the last axis: forward, each gradient, and as one tape node. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum } from './column_sum';
import { defineOp } from './engine/define_op';
import { free, onFloats } from './engine/tensors';
import { MAT_MUL } from './kernels/contract';
import { runFused } from './kernels/fused';
import { matMul2d, toMatrix } from './mat_mul';

const PLAIN = { transposeA: false, transposeB: false };

function affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const [a, b] = [x as tf.Tensor2D, kernel as tf.Tensor2D];
  if (tf.getBackend() === 'cpu') return tf.tidy(() => tf.add(tf.matMul(a, b), bias));
  return runFused(MAT_MUL, { a, b, bias }, PLAIN, () => tf.fused.matMul({ a, b, bias }));
}

/** Applies a product of matrices to the last axis; a matrix needs no view of itself. */
function onLastAxis(x: tf.Tensor, product: (rows: tf.Tensor) => tf.Tensor): tf.Tensor {
  if (x.rank === 2) return product(x);
  const rows = toMatrix(x);
  const y = product(rows);
  free(rows);
  const result = tf.reshape(y, [...x.shape.slice(0, -1), y.shape[1] as number]);
  free(y);
  return result;
}

/**
 * `x W + b`, without a tape node.
 *
 * @param x `[..., in]`
 * @param kernel `[in, out]`
 * @param bias `[out]`; null for none
 * @returns `[..., out]`
 */
export function linearForward(
  x: tf.Tensor,
  kernel: tf.Tensor,
  bias: tf.Tensor | null = null,
): tf.Tensor {
  return onLastAxis(x, (rows) => (bias ? affine(rows, kernel, bias) : matMul2d(rows, kernel)));
}

/** Gradient of `linearForward` with respect to its input: `dy W^T`, `[..., out]` to `[..., in]`. */
export function linearBackwardInput(dy: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return onLastAxis(dy, (rows) => matMul2d(rows, kernel, false, true));
}

/** Gradient of `linearForward` with respect to its kernel: `x^T dy`, `[in, out]`. */
export function linearBackwardKernel(dy: tf.Tensor, x: tf.Tensor): tf.Tensor2D {
  const a = x.rank === 2 ? x : toMatrix(x);
  const b = dy.rank === 2 ? dy : toMatrix(dy);
  const dKernel = matMul2d(a, b, true);
  free(a === x ? null : a, b === dy ? null : b);
  return dKernel;
}

/** Gradient of `linearForward` with respect to its bias: the sum of `dy` `[..., out]`, `[out]`. */
export const linearBackwardBias: (dy: tf.Tensor) => tf.Tensor1D = columnSum;

const linearOp = defineOp({
  name: 'RevColLinear',
  inputs: ['x', 'weight', 'bias'],
  forward: ({ x, weight, bias }) => linearForward(x, weight, bias),
  backward: (dy, { x, weight }) => ({
    x: () => linearBackwardInput(dy, weight),
    weight: () => linearBackwardKernel(dy, x),
    bias: () => linearBackwardBias(dy),
  }),
});

/**
 * `x W + b` over the last axis, as one tape node that saves its input.
 *
 * @param x `[..., in]`, float32, or what is cast to it
 * @param weight `[in, out]`
 * @param bias `[out]`
 * @returns `[..., out]`
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return onFloats(x, (floats) => linearOp({ x: floats, weight, bias }));
}
