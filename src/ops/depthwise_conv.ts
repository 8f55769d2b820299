/** Depthwise convolution as ConvNeXt blocks use it: stride 1, 'same' padding, one output per channel. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum } from './column_sum';
import { defineOp } from './engine/define_op';
import { runKernel } from './engine/kernel';
import { DEPTHWISE, DEPTHWISE_INPUT_GRAD } from './kernels/contract';
import { runFused } from './kernels/fused';

const GEOMETRY = { strides: 1, pad: 'same', dilations: 1 };

/**
 * Depthwise convolution with bias, without a tape node: x `[b, h, w, c]`, kernel `[k, k, c, 1]`, bias `[c]`.
 */
export function depthwiseForward(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return runFused(DEPTHWISE, { x, kernel, bias }, {}, () =>
    tf.fused.depthwiseConv2d({
      x: x as tf.Tensor4D,
      filter: kernel as tf.Tensor4D,
      strides: 1,
      pad: 'same',
      bias,
    }),
  );
}

/** Gradient of `depthwiseForward` with respect to its input. */
function inputGradient(dy: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const attrs = { ...GEOMETRY, inputShape: dy.shape };
  return runKernel(tf.DepthwiseConv2dNativeBackpropInput, { dy, filter: kernel }, attrs);
}

/** Gradient of `depthwiseForward` with respect to its input, plus `other`, of the input's shape. */
export function depthwiseBackwardInput(
  dy: tf.Tensor,
  kernel: tf.Tensor,
  other: tf.Tensor,
): tf.Tensor {
  return runFused(DEPTHWISE_INPUT_GRAD, { dy, kernel, other }, {}, () =>
    tf.add(other, inputGradient(dy, kernel)),
  );
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
  forward: ({ x, kernel, bias }) =>
    tf.add(tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same'), bias),
  backward: (dy, { x, kernel }) => ({
    x: () => inputGradient(dy, kernel),
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
