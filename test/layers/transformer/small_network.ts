/** The small network over tokens that tests share. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs, type TransformerEncoderBlockArgs } from 'tfjs-revcol';
import { randomizeWeights } from '../../support/training_step';

export const WIDTH = 8;
export const VOCABULARY = 11;

export type BlockArgs = Partial<TransformerEncoderBlockArgs>;

/** A small backbone over tokens, with padding. */
export function backboneArgs(
  block: BlockArgs = {},
  args: RevColBackboneArgs = {},
): RevColBackboneArgs {
  return {
    name: 'backbone',
    isotropic: true,
    columns: 3,
    channels: [WIDTH, WIDTH, WIDTH],
    depths: [1, 2, 1],
    stem: layers.tokenEmbedding({
      inputDim: VOCABULARY,
      outputDim: WIDTH,
      maskZero: true,
      positions: 'learned',
      sequenceLength: 8,
    }),
    block: layers.transformerEncoderBlock({ numHeads: 2, ...block }),
    ...args,
  };
}

/** Padded ids `[2, 6]`. */
export const IDS = [
  [3, 1, 4, 1, 0, 0],
  [9, 2, 6, 5, 3, 5],
];

/** A model of nothing but a backbone, with weights far from their initial ones. */
export function makeModel(args: RevColBackboneArgs): tf.LayersModel {
  const ids = tf.input({ shape: [null], dtype: 'int32' });
  const outputs = layers.revColBackbone(args).apply(ids) as tf.SymbolicTensor;
  const model = tf.model({ inputs: ids, outputs });
  randomizeWeights(model.weights, 7);
  return model;
}
