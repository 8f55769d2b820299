/** Translation models: an encoder of reversible columns, and a decoder. */
import * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, requireOptions } from '../common/options';
import { TransformerDecoderBlock } from '../layers/transformer/decoder_block';
import { PaddingMask } from '../layers/transformer/padding_mask';
import { TranslationDecoder } from '../layers/transformer/translation_decoder';
import {
  blockOptions,
  TOKEN_OPTIONS,
  tokenColumns,
  tokenEmbedding,
  type TokenOptions,
  widthOf,
} from './token_columns';

/** Options of `createTranslationModel`. */
export interface CreateTranslationModelOptions extends TokenOptions {
  /** Number of source tokens, padding (id 0) included. */
  sourceVocabularySize: number;
  /** Number of target tokens, padding (id 0) included. */
  targetVocabularySize: number;
  /** Width of the encoder and the decoder, a multiple of `numHeads`. Default 256. */
  width?: number;
  /** Blocks of the decoder, from 1. Default 3. */
  decoderDepth?: number;
  /** Whether the logits share the target's embeddings. Default true. */
  tieEmbeddings?: boolean;
  /** Positions of both sides; `'learned'` needs `sequenceLength`. Default `'sinusoidal'`. */
  positions?: 'learned' | 'sinusoidal';
  /**
   * Standard deviation of the blocks' initial kernels, on both sides. Default `sqrt(2 / (5 * width))` (Nguyen and
   * Salazar 2019, arXiv 1910.05895).
   */
  initializerRange?: number;
  /** Name of the model. Default `'translation'`. */
  name?: string;
}

const OPTIONS: OptionNames<CreateTranslationModelOptions> = {
  ...TOKEN_OPTIONS,
  sourceVocabularySize: true,
  targetVocabularySize: true,
  decoderDepth: true,
  tieEmbeddings: true,
  name: true,
};

/**
 * Builds a translation model as a `tf.LayersModel`: an encoder of isotropic reversible columns over
 * the source's tokens (paper section 4.4), trained without stored activations, whose last column's
 * top level is what a standard transformer decoder attends to.
 *
 * Inputs: `[source, target]`, ids `[batch, s]` and `[batch, t]`, int32, filled up with 0, which is
 * hidden from all attention. Output: logits `[batch, t, targetVocabularySize]` of the token that
 * follows each target token: teacher forcing, so give the target from its start token to its last
 * but one. Weights are random. To translate see `translate`.
 *
 * @throws {Error} when an option is out of range
 */
export function createTranslationModel(options: CreateTranslationModelOptions): tfl.LayersModel {
  const owner = 'createTranslationModel';
  requireOptions(owner, options, OPTIONS);
  const { initializerRange = smallInit(widthOf(options)) } = options;
  const both = { ...options, initializerRange };
  // All layers check their arguments before any of them makes weights.
  const encoder = tokenColumns(owner, both, {
    name: 'encoder',
    vocabulary: 'sourceVocabularySize',
  });
  const decoder = new TranslationDecoder({
    name: 'decoder',
    embedding: tokenEmbedding(owner, options, 'targetVocabularySize'),
    block: new TransformerDecoderBlock(blockOptions(both)),
    depth: options.decoderDepth ?? 3,
    tieEmbeddings: options.tieEmbeddings,
  });
  const source = tfl.input({ shape: [null], dtype: 'int32', name: 'source' });
  const target = tfl.input({ shape: [null], dtype: 'int32', name: 'target' });
  const memory = encoder.apply(source) as tfl.SymbolicTensor;
  const memoryMask = new PaddingMask({ name: 'source_mask' }).apply(source) as tfl.SymbolicTensor;
  const logits = decoder.apply([target, memory, memoryMask]) as tfl.SymbolicTensor;
  return tfl.model({
    name: options.name ?? 'translation',
    inputs: [source, target],
    outputs: logits,
  });
}

/**
 * Deviation of the blocks' initial kernels, made for translation from little text (Nguyen and Salazar
 * 2019, arXiv 1910.05895).
 */
function smallInit(width: number): number {
  return Math.sqrt(2 / (5 * width));
}
