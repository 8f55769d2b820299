/** Depthwise convolution as ConvNeXt blocks use it: stride 1, 'same' padding, one output per channel. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum } from './column_sum';
import { defineOp } from './engine/define_op';
import { runKernel } from './engine/kernel';

const GEOMETRY = { strides: 1, pad: 'same', dilations: 1 };

/** Stride-1 'same' depthwise convolution without bias; `x` `[b, h, w, c]`, `kernel` `[k, k, c, 1]`. */
export function depthwiseForward(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');
}

/** Gradient of `depthwiseForward` with respect to its input. */
export function depthwiseBackwardInput(
  dy: tf.Tensor,
  kernel: tf.Tensor,
  inputShape: number[],
): tf.Tensor {
  const attrs = { ...GEOMETRY, inputShape };
  return runKernel(tf.DepthwiseConv2dNativeBackpropInput, { dy, filter: kernel }, attrs);
}

/** Gradient of `depthwiseForward` with respect to its kernel. */
export function depthwiseBackwardKernel(
  dy: tf.Tensor,
  x: tf.Tensor,
  kernelShape: number[],
): tf.Tensor {
  const attrs = { ...GEOMETRY, filterShape: kernelShape };
  return runKernel(tf.DepthwiseConv2dNativeBackpropFilter, { x, dy }, attrs);
}

const depthwiseOp = defineOp({
  name: 'RevColDepthwiseConv',
  inputs: ['x', 'kernel', 'bias'],
  forward: ({ x, kernel, bias }) => tf.add(depthwiseForward(x, kernel), bias),
  backward: (dy, { x, kernel }) => ({
    x: () => depthwiseBackwardInput(dy, kernel, x.shape),
    kernel: () => depthwiseBackwardKernel(dy, x, kernel.shape),
    bias: () => columnSum(dy),
  }),
});

/**
 * Depthwise convolution with stride 1, 'same' padding and bias, as one tape node.
 *
 * @param x `[batch, height, width, channels]`
 * @param kernel `[k, k, channels, 1]`
 * @param bias `[channels]`
 */
export function depthwiseConv(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return depthwiseOp({ x, kernel, bias });
}
