/** Causal language models. */
import * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, requireOptions } from '../common/options';
import { RevColLanguageModel } from '../layers/transformer/language_model';
import { TOKEN_COLUMNS_OPTIONS, tokenColumns, type TokenColumnsOptions } from './token_columns';

/** Options of `createLanguageModel`. */
export interface CreateLanguageModelOptions extends TokenColumnsOptions {
  /** Whether the logits share the embeddings. Default true. */
  tieEmbeddings?: boolean;
  /** Name of the model. Default `'language_model'`. */
  name?: string;
}

const OPTIONS: OptionNames<CreateLanguageModelOptions> = {
  ...TOKEN_COLUMNS_OPTIONS,
  tieEmbeddings: true,
  name: true,
};

/**
 * Builds a causal language model as a `tf.LayersModel`: isotropic reversible columns over tokens, in
 * which no token sees a later one, trained without stored activations.
 *
 * Input: ids `[batch, time]`, int32, filled up with 0, which is hidden from attention. Output: logits
 * `[batch, time, vocabularySize]`, float32, of the token that follows each token; train with
 * `tokenCrossEntropy`, which leaves padding out. Weights are random. To write text see `generate`.
 *
 * @throws {Error} when an option is out of range
 */
export function createLanguageModel(options: CreateLanguageModelOptions): tfl.LayersModel {
  requireOptions('createLanguageModel', options, OPTIONS);
  const layer = new RevColLanguageModel({
    name: 'columns',
    backbone: tokenColumns('createLanguageModel', options, {
      name: 'backbone',
      vocabulary: 'vocabularySize',
      useCausalMask: true,
    }),
    tieEmbeddings: options.tieEmbeddings,
  });
  const ids = tfl.input({ shape: [null], dtype: 'int32', name: 'ids' });
  return tfl.model({
    name: options.name ?? 'language_model',
    inputs: ids,
    outputs: layer.apply(ids) as tfl.SymbolicTensor,
  });
}
