/** Dropout of whole channels of images, repeatable from a seed. */
import * as tf from '@tensorflow/tfjs-core';

import { dropoutFactors } from '../dropout';
import { defineOp } from '../engine/define_op';

interface Attrs {
  rate: number;
  seed: number;
}

/** One factor per image and channel. */
function scaled(x: tf.Tensor, { rate, seed }: Attrs): tf.Tensor {
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const factors = dropoutFactors([batch, 1, 1, channels], rate, seed);
  return factors ? tf.mul(x, factors) : tf.clone(x);
}

const channelDropoutOp = defineOp({
  name: 'RevColChannelDropout',
  inputs: ['x'],
  forward: ({ x }, attrs: Attrs) => scaled(x, attrs),
  backward: (dy, _, attrs) => ({ x: () => scaled(dy, attrs) }),
});

/**
 * Dropout of whole channels (Tompson et al. 2015, arXiv 1411.4280; PyTorch's `Dropout2d`) as one tape
 * node: each channel of each image is 0 with probability `rate`, else times `1 / (1 - rate)`.
 *
 * @param x `[batch, height, width, channels]`, float32
 * @param rate in [0, 1)
 * @param seed the same one drops the same channels
 */
export function channelDropout(x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  return channelDropoutOp({ x }, { rate, seed });
}
