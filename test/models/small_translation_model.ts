/** The small translation model that tests share. */
import * as tf from '@tensorflow/tfjs';

import { createTranslationModel, type CreateTranslationModelOptions } from 'tfjs-revcol';
import { randomizeWeights } from '../support/training_step';

export const SOURCE_VOCABULARY = 9;
export const TARGET_VOCABULARY = 6;

/** Padded ids. */
export const SOURCES = [
  [3, 1, 4, 0],
  [8, 2, 6, 5],
];
export const TARGETS = [
  [1, 3, 5, 4, 2],
  [1, 4, 0, 0, 0],
];

/** Weights are far from their initial ones, unless `fresh`. */
export function smallModel(
  options: Partial<CreateTranslationModelOptions> = {},
  fresh = false,
): tf.LayersModel {
  const model = createTranslationModel({
    sourceVocabularySize: SOURCE_VOCABULARY,
    targetVocabularySize: TARGET_VOCABULARY,
    width: 8,
    numHeads: 2,
    columns: 3,
    depths: [1, 1],
    decoderDepth: 2,
    ...options,
  });
  if (!fresh) randomizeWeights(model.weights, 5);
  return model;
}

export function ids(rows: readonly (readonly number[])[]): tf.Tensor2D {
  return tf.tensor2d(
    rows.map((row) => [...row]),
    undefined,
    'int32',
  );
}

/** Logits of whole sequences, without any cache. */
export function logitsOf(
  model: tf.LayersModel,
  sources: readonly (readonly number[])[],
  targets: readonly (readonly number[])[],
): number[][][] {
  return tf.tidy(() => (model.predict([ids(sources), ids(targets)]) as tf.Tensor3D).arraySync());
}
