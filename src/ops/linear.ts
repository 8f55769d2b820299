import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { affine2d, columnSum, matMul2d, toMatrix } from './mat_mul';

const linearOp = defineOp<object>({
  name: 'RevColLinear',
  inputNames: ['x', 'weight', 'bias'],
  forward: ([x, weight, bias]) => {
    const [input, w] = [x as tf.Tensor, weight as tf.Tensor];
    return tf.reshape(affine2d(toMatrix(input), w, bias as tf.Tensor), [
      ...input.shape.slice(0, -1),
      w.shape[1] as number,
    ]);
  },
  backward: (dy, [x, weight]) => {
    const [input, w] = [x as tf.Tensor, weight as tf.Tensor];
    return [
      () => tf.reshape(matMul2d(toMatrix(dy), w, false, true), input.shape),
      () => matMul2d(toMatrix(input), toMatrix(dy), true),
      () => columnSum(toMatrix(dy)),
    ];
  },
});

/**
 * `x W + b` over the last axis, as one tape node that saves its input.
 *
 * @param x `[..., in]`, float32
 * @param weight `[in, out]`
 * @param bias `[out]`
 * @returns `[..., out]`
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return linearOp([x, weight, bias], {});
}
