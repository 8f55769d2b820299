/** Bilinear resize with aligned corners, with the same gradient on every backend. */
import type * as tf from '@tensorflow/tfjs-core';

import { defineSeparable } from './separable';

const resizeOp = defineSeparable('RevColResizeBilinear', (i, from, to) => {
  const at = i * (to > 1 ? (from - 1) / (to - 1) : 0);
  const low = Math.min(Math.floor(at), from - 1);
  const fraction = at - low;
  return [
    [low, 1 - fraction],
    [Math.min(low + 1, from - 1), fraction],
  ];
});

/**
 * Bilinear resize with aligned corners, as two matrix products, so that its gradient is the same on
 * every backend.
 *
 * @param x `[batch, h, w, channels]`, float32
 * @returns `[batch, height, width, channels]`
 */
export function resizeBilinear(x: tf.Tensor, height: number, width: number): tf.Tensor {
  return resizeOp({ x }, { height, width });
}
