/** Dot products with the rows of a table: a linear layer that is applied transposed. */
import type * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { linearBackwardInput, linearBackwardKernel, linearForward } from './linear';

// Going forward is a linear layer's way back to its input, so its own way back goes forward.
const rowProductsOp = defineOp({
  name: 'RevColRowProducts',
  inputs: ['x', 'table'],
  forward: ({ x, table }) => linearBackwardInput(x, table),
  backward: (dy, { x, table }) => ({
    x: () => linearForward(dy, table),
    table: () => linearBackwardKernel(x, dy),
  }),
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
  return rowProductsOp({ x, table });
}
