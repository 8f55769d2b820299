/** Bilinear resize with half-pixel centres, PyTorch's `align_corners=False`, with its gradient. */
import * as tf from '@tensorflow/tfjs-core';

import { type AxisRule, defineSeparable, separableBackward } from '../separable';

/** Where PyTorch reads: at `(i + 0.5) * from / to - 0.5`, not below 0; the upper neighbour stays inside. */
export const HALF_PIXEL: AxisRule = (i, from, to) => {
  const at = Math.max(0, (i + 0.5) * (from / to) - 0.5);
  const low = Math.min(Math.floor(at), from - 1);
  const fraction = at - low;
  return [
    [low, 1 - fraction],
    [Math.min(low + 1, from - 1), fraction],
  ];
};

/**
 * Bilinear resize with half-pixel centres, without a tape node. The values of tfjs's own kernel are
 * these on every backend (tested); it is its gradient that is not, see `resizeBackward`.
 */
export function resizeForward(x: tf.Tensor, [height, width]: readonly [number, number]): tf.Tensor {
  if (x.shape[1] === height && x.shape[2] === width) return tf.clone(x);
  return tf.image.resizeBilinear(x as tf.Tensor4D, [height, width], false, true);
}

/**
 * Gradient of `resizeForward`. tfjs 4.22's own is no help: `ResizeBilinearGrad` takes the centres for
 * unshifted on `cpu`, `webgl` and `webgpu`, and `wasm` has none of its own. Two matrix products are
 * right everywhere.
 */
export function resizeBackward(dy: tf.Tensor, inputShape: readonly number[]): tf.Tensor {
  if (inputShape[1] === dy.shape[1] && inputShape[2] === dy.shape[2]) return tf.clone(dy);
  return separableBackward(HALF_PIXEL, dy, inputShape);
}

const resizeOp = defineSeparable('RevColResizeHalfPixel', HALF_PIXEL, resizeForward);

/**
 * Bilinear resize with half-pixel centres (PyTorch's `interpolate(mode='bilinear',
 * align_corners=False)`), as one tape node.
 *
 * @param x `[batch, h, w, channels]`, float32
 * @returns `[batch, height, width, channels]`; `x` itself where that is its size
 */
export function resize(x: tf.Tensor, height: number, width: number): tf.Tensor {
  if (x.shape[1] === height && x.shape[2] === width) return x;
  return resizeOp({ x }, { height, width });
}
