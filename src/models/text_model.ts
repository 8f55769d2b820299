/** Models that read one text: a class for the whole or for every token. */
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { RevColHead } from '../layers/columns/head';
import { TokenHead } from '../layers/transformer/token_head';
import { TOKEN_COLUMNS_OPTIONS, tokenColumns, type TokenColumnsOptions } from './token_columns';

/** Options of `createTextClassifier` and `createTagger`. */
export interface CreateTextModelOptions extends TokenColumnsOptions {
  /** Number of classes, of a text or of a token. */
  numClasses: number;
  /** Name of the model. Default `'text_classifier'` or `'tagger'`. */
  name?: string;
}

const OPTIONS: OptionNames<CreateTextModelOptions> = {
  ...TOKEN_COLUMNS_OPTIONS,
  numClasses: true,
  name: true,
};

/**
 * Builds a classifier of texts as a `tf.LayersModel`: isotropic reversible columns over tokens (paper
 * section 4.4), trained without stored activations, the mean over the tokens that are real, LayerNorm,
 * linear.
 *
 * Input: ids `[batch, time]`, int32, filled up with 0, which is hidden from attention and mean.
 * Output: logits `[batch, numClasses]`, float32. Weights are random.
 *
 * @throws {Error} when an option is out of range
 */
export function createTextClassifier(options: CreateTextModelOptions): tfl.LayersModel {
  return textModel('createTextClassifier', 'text_classifier', RevColHead, options);
}

/**
 * Builds a tagger as a `tf.LayersModel`: the encoder of `createTextClassifier`, and logits of a class
 * for every token.
 *
 * Input: ids `[batch, time]`, int32, filled up with 0, which is hidden from attention. Output: logits
 * `[batch, time, numClasses]`, float32; those of padding mean nothing, so train with a loss that
 * leaves it out, such as `tokenCrossEntropy`. Weights are random.
 *
 * @throws {Error} when an option is out of range
 */
export function createTagger(options: CreateTextModelOptions): tfl.LayersModel {
  return textModel('createTagger', 'tagger', TokenHead, options);
}

function textModel(
  owner: string,
  defaultName: string,
  Head: typeof RevColHead | typeof TokenHead,
  options: CreateTextModelOptions,
): tfl.LayersModel {
  requireOptions(owner, options, OPTIONS);
  requireInteger(owner, 'numClasses', options.numClasses, 1);
  // All layers check their arguments before any of them makes weights.
  const encoder = tokenColumns(owner, options, { name: 'encoder', vocabulary: 'vocabularySize' });
  const head = new Head({ name: 'head', units: options.numClasses });
  const ids = tfl.input({ shape: [null], dtype: 'int32', name: 'ids' });
  const logits = head.apply(encoder.apply(ids) as tfl.SymbolicTensor) as tfl.SymbolicTensor;
  return tfl.model({ name: options.name ?? defaultName, inputs: ids, outputs: logits });
}
