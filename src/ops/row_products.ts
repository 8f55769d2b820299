import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { matMul2d, toMatrix } from './mat_mul';

const rowProductsOp = defineOp<object>({
  name: 'RevColRowProducts',
  inputNames: ['x', 'table'],
  forward: ([x, table]) => {
    const [input, rows] = [x as tf.Tensor, table as tf.Tensor];
    return tf.reshape(matMul2d(toMatrix(input), rows, false, true), [
      ...input.shape.slice(0, -1),
      rows.shape[0] as number,
    ]);
  },
  backward: (dy, [x, table]) => {
    const [input, rows] = [x as tf.Tensor, table as tf.Tensor];
    return [
      () => tf.reshape(matMul2d(toMatrix(dy), rows), input.shape),
      () => matMul2d(toMatrix(dy), toMatrix(input), true),
    ];
  },
});

/**
 * Dot products of the last axis with every row of a table, as one tape node that saves its inputs:
 * the logits of a language model whose output shares the embeddings.
 *
 * @param x `[..., width]`, float32
 * @param table `[rows, width]`
 * @returns `[..., rows]`
 */
export function rowProducts(x: tf.Tensor, table: tf.Tensor): tf.Tensor {
  return rowProductsOp([x, table], {});
}
