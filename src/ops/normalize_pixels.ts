/** Normalising the channels of images by constants. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { onFloats } from './engine/tensors';

/** Mean and deviation of each channel. */
export interface PixelStatistics {
  mean: readonly number[];
  std: readonly number[];
}

/** `(x - mean) / std` along the last axis, without a tape node. */
export function normalizePixelsForward(x: tf.Tensor, { mean, std }: PixelStatistics): tf.Tensor {
  return tf.tidy(() => tf.div(tf.sub(x, tf.tensor1d([...mean])), tf.tensor1d([...std])));
}

/** Gradient of `normalizePixelsForward`. */
export function normalizePixelsBackward(
  dy: tf.Tensor,
  { std }: Pick<PixelStatistics, 'std'>,
): tf.Tensor {
  return tf.tidy(() => tf.div(dy, tf.tensor1d([...std])));
}

const normalizePixelsOp = defineOp({
  name: 'RevColNormalizePixels',
  inputs: ['x'],
  forward: ({ x }, statistics: PixelStatistics) => normalizePixelsForward(x, statistics),
  backward: (dy, _, statistics) => ({ x: () => normalizePixelsBackward(dy, statistics) }),
});

/**
 * `(x - mean) / std`, channel by channel, as one tape node.
 *
 * @param x `[..., channels]`, float32, or int32 as `tf.browser.fromPixels` gives
 * @returns the same shape, float32
 */
export function normalizePixels(x: tf.Tensor, statistics: PixelStatistics): tf.Tensor {
  return onFloats(x, (floats) => normalizePixelsOp({ x: floats }, { ...statistics }));
}
