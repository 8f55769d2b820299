/** A product of all values of a map of features with a matrix. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';
import { linearBackwardInput, linearBackwardKernel, linearForward } from '../linear';

/** `[batch, ...]` as `[batch, values]`; of an empty batch tfjs cannot infer how many. */
const flat = (x: tf.Tensor) =>
  tf.reshape(x, [x.shape[0] as number, tf.util.sizeFromShape(x.shape.slice(1))]);

/** `[h, w, channels, out]` as `[values, out]`. */
const matrixOf = (weight: tf.Tensor) => tf.reshape(weight, [-1, weight.shape[3] as number]);

const flatProductOp = defineOp({
  name: 'RevColFlatProduct',
  inputs: ['x', 'weight'],
  forward: ({ x, weight }) => linearForward(flat(x), matrixOf(weight)),
  backward: (dy, { x, weight }) => ({
    x: () => tf.reshape(linearBackwardInput(dy, matrixOf(weight)), x.shape),
    weight: () => tf.reshape(linearBackwardKernel(dy, flat(x)), weight.shape),
  }),
});

/**
 * `flat(x) W`, as one tape node.
 *
 * @param x `[batch, h, w, channels]`, float32: as large as the weight
 * @param weight `[h, w, channels, out]`
 * @returns `[batch, out]`
 */
export function flatProduct(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  return flatProductOp({ x, weight });
}
