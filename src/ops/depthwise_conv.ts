import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { columnSum, toMatrix } from './mat_mul';

function convAttrs(extra: Record<string, unknown>): tf.NamedAttrMap {
  return { strides: 1, pad: 'same', dilations: 1, ...extra } as unknown as tf.NamedAttrMap;
}

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
  return tf
    .engine()
    .runKernel(
      tf.DepthwiseConv2dNativeBackpropInput,
      { dy, filter: kernel },
      convAttrs({ inputShape }),
    );
}

/** Gradient of `depthwiseForward` with respect to its kernel. */
export function depthwiseBackwardKernel(
  dy: tf.Tensor,
  x: tf.Tensor,
  kernelShape: number[],
): tf.Tensor {
  return tf
    .engine()
    .runKernel(
      tf.DepthwiseConv2dNativeBackpropFilter,
      { x, dy },
      convAttrs({ filterShape: kernelShape }),
    );
}

const depthwiseOp = defineOp<object>({
  name: 'RevColDepthwiseConv',
  inputNames: ['x', 'kernel', 'bias'],
  forward: ([x, kernel, bias]) =>
    tf.add(depthwiseForward(x as tf.Tensor, kernel as tf.Tensor), bias as tf.Tensor),
  backward: (dy, [x, kernel]) => {
    const [input, k] = [x as tf.Tensor, kernel as tf.Tensor];
    return [
      () => depthwiseBackwardInput(dy, k, input.shape),
      () => depthwiseBackwardKernel(dy, input, k.shape),
      () => columnSum(toMatrix(dy)),
    ];
  },
});

/**
 * Depthwise convolution with stride 1, 'same' padding and bias, as one tape node.
 *
 * @param x `[batch, height, width, channels]`
 * @param kernel `[k, k, channels, 1]`
 * @param bias `[channels]`
 */
export function depthwiseConv(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return depthwiseOp([x, kernel, bias], {});
}
