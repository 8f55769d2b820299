/** Convolution as segmentation heads use it: stride 1, 'same' padding, an odd kernel, no bias. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';
import { runKernel } from '../engine/kernel';
import { linearBackwardInput, linearBackwardKernel, linearForward } from '../linear';

const GEOMETRY = {
  strides: 1,
  pad: 'same',
  dataFormat: 'NHWC',
  dilations: 1,
  dimRoundingMode: undefined,
};

/** The matrix that a 1x1 kernel is; null for a larger one. */
function pointwise(kernel: tf.Tensor): tf.Tensor | null {
  const [height, width, into, out] = kernel.shape as [number, number, number, number];
  return height === 1 && width === 1 ? tf.reshape(kernel, [into, out]) : null;
}

const convOp = defineOp({
  name: 'RevColConv',
  inputs: ['x', 'kernel'],
  forward: ({ x, kernel }) => {
    const matrix = pointwise(kernel);
    if (matrix) return linearForward(x, matrix);
    // Of an empty batch backend 'tensorflow' gives as many channels as x has.
    if (x.size === 0) return tf.zeros([...x.shape.slice(0, 3), kernel.shape[3] as number]);
    return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');
  },
  backward: (dy, { x, kernel }) => ({
    x: () => {
      const matrix = pointwise(kernel);
      if (matrix) return linearBackwardInput(dy, matrix);
      const attrs = { ...GEOMETRY, inputShape: x.shape };
      return runKernel(tf.Conv2DBackpropInput, { dy, filter: kernel }, attrs);
    },
    kernel: () => {
      if (pointwise(kernel)) return tf.reshape(linearBackwardKernel(dy, x), kernel.shape);
      const attrs = { ...GEOMETRY, filterShape: kernel.shape };
      return runKernel(tf.Conv2DBackpropFilter, { x, dy }, attrs);
    },
  }),
});

/**
 * Convolution with stride 1 and 'same' padding, without bias, as one tape node that saves its input.
 *
 * @param x `[batch, height, width, in]`, float32
 * @param kernel `[k, k, in, out]` with odd k; a 1x1 kernel is a product of matrices
 * @returns `[batch, height, width, out]`
 */
export function conv(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return convOp({ x, kernel });
}
