/** Every second pixel of a map: the level that a feature pyramid has above its top. */
import type * as tf from '@tensorflow/tfjs-core';

import { defineSeparable } from '../separable';

const everySecondOp = defineSeparable('RevColEverySecond', (i) => [[2 * i, 1]]);

/**
 * Every second pixel along both axes, beginning with the first, as one tape node: PyTorch's
 * `max_pool2d(x, 1, stride=2)`.
 *
 * @param x `[batch, h, w, channels]`, float32
 * @returns `[batch, ceil(h / 2), ceil(w / 2), channels]`
 */
export function everySecond(x: tf.Tensor): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  return everySecondOp({ x }, { height: Math.ceil(height / 2), width: Math.ceil(width / 2) });
}
