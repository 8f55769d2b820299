/** Adaptive average pooling: means over a given number of bins along each axis, with its gradient. */
import type * as tf from '@tensorflow/tfjs-core';

import { defineSeparable } from '../separable';

// Bin i covers floor(i n / s) to ceil((i + 1) n / s): bins overlap where s does not divide n.
const poolOp = defineSeparable('RevColAdaptiveAvgPool', (i, from, to) => {
  const first = Math.floor((i * from) / to);
  const count = Math.ceil(((i + 1) * from) / to) - first;
  return Array.from({ length: count }, (_, k) => [first + k, 1 / count]);
});

/**
 * Adaptive average pooling, with the bins of PyTorch's `AdaptiveAvgPool2d`, as one tape node.
 *
 * @param x `[batch, h, w, channels]`, float32
 * @param size number of bins along each axis, which may be more than pixels
 * @returns `[batch, size, size, channels]`
 */
export function adaptiveAvgPool(x: tf.Tensor, size: number): tf.Tensor {
  return poolOp({ x }, { height: size, width: size });
}
