/** Transposed convolution of side 2 and stride 2, which doubles a map: a product of matrices. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';
import { linearBackwardInput, linearBackwardKernel, linearForward } from '../linear';

/** The kernel `[in, 2, 2, out]` as a matrix. */
const matrixOf = (kernel: tf.Tensor) => tf.reshape(kernel, [kernel.shape[0] as number, -1]);

const doublingConvOp = defineOp({
  name: 'RevColDoublingConv',
  inputs: ['x', 'kernel'],
  forward: ({ x, kernel }) => {
    const [batch, height, width] = x.shape as [number, number, number, number];
    const out = kernel.shape[3] as number;
    // Four values of each pixel: those of its upper row, then those of its lower one.
    const rows = tf.reshape(linearForward(x, matrixOf(kernel)), [
      batch * height,
      width,
      2,
      2 * out,
    ]);
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, 2 * height, 2 * width, out]);
  },
  backward: (dy, { x, kernel }) => {
    const four = () => {
      const [batch, height, width] = x.shape as [number, number, number, number];
      const out = kernel.shape[3] as number;
      const rows = tf.reshape(dy, [batch * height, 2, width, 2 * out]);
      return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, height, width, 4 * out]);
    };
    return {
      x: () => linearBackwardInput(four(), matrixOf(kernel)),
      kernel: () => tf.reshape(linearBackwardKernel(four(), x), kernel.shape),
    };
  },
});

/**
 * Transposed convolution of side 2 and stride 2, without bias, as one tape node.
 *
 * @param x `[batch, height, width, in]`, float32
 * @param kernel `[in, 2, 2, out]`: of each pixel its four below
 * @returns `[batch, 2 height, 2 width, out]`
 */
export function doublingConv(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return doublingConvOp({ x, kernel });
}
