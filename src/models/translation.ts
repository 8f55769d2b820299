import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../common/arguments';
import { requireLevels } from '../layers/columns/column_arguments';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/columns/rev_col_backbone';
import { TransformerDecoderBlock } from '../layers/transformer/decoder_block';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import type { TransformerBlockOptions } from '../layers/transformer/options';
import { PaddingMask } from '../layers/transformer/padding_mask';
import { TokenEmbedding, type TokenEmbeddingArgs } from '../layers/transformer/token_embedding';
import { TranslationDecoder } from '../layers/transformer/translation_decoder';

type BlockOptions = Pick<
  TransformerBlockOptions,
  'intermediateDim' | 'attention' | 'norm' | 'dropout' | 'attentionDropout' | 'chunkSize'
>;

/** Options of `createTranslationModel`. */
export interface CreateTranslationModelOptions
  extends
    BlockOptions,
    Pick<RevColBackboneArgs, 'columns' | 'depths' | 'dropPathRate' | 'backprop' | 'anchorEvery'>,
    Pick<TokenEmbeddingArgs, 'sequenceLength'> {
  /** Number of source tokens, padding (id 0) included. */
  sourceVocabularySize: number;
  /** Number of target tokens, padding (id 0) included. */
  targetVocabularySize: number;
  /** Width of the encoder and the decoder, a multiple of `numHeads`. Default 256. */
  width?: number;
  /** Heads of every attention. Default 4. */
  numHeads?: number;
  /** Blocks of the decoder, from 1. Default 3. */
  decoderDepth?: number;
  /** Whether the logits share the target's embeddings. Default true. */
  tieEmbeddings?: boolean;
  /** Positions of both sides; `'learned'` needs `sequenceLength`. Default `'sinusoidal'`. */
  positions?: 'learned' | 'sinusoidal';
  /** Name of the model. Default `'translation'`. */
  name?: string;
}

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
  const { width = 256, numHeads = 4, columns = 4, depths = [1, 1, 1, 1] } = options;
  const { dropout = 0.1, positions = 'sinusoidal', sequenceLength } = options;
  requireInteger(owner, 'sourceVocabularySize', options.sourceVocabularySize, 2);
  requireInteger(owner, 'targetVocabularySize', options.targetVocabularySize, 2);
  requireInteger(owner, 'width', width, 1);
  const channels = depths.map(() => width);
  requireLevels(owner, channels, depths);
  const embedding = (inputDim: number) =>
    new TokenEmbedding({
      inputDim,
      outputDim: width,
      maskZero: true,
      positions,
      sequenceLength,
      scale: Math.sqrt(width),
      dropout,
      // Scaled inputs then have unit deviation at first, and tied logits as well.
      initializerRange: width ** -0.5,
    });
  const { intermediateDim, attention, norm, attentionDropout, chunkSize } = options;
  const block = {
    numHeads,
    intermediateDim,
    attention,
    norm,
    dropout,
    attentionDropout,
    chunkSize,
    initializerRange: smallInit(width),
  };
  // All layers check their arguments before any of them makes weights.
  const encoder = new RevColBackbone({
    name: 'encoder',
    isotropic: true,
    columns,
    channels,
    depths: [...depths],
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
    stem: embedding(options.sourceVocabularySize),
    block: new TransformerEncoderBlock(block),
  });
  const decoder = new TranslationDecoder({
    name: 'decoder',
    embedding: embedding(options.targetVocabularySize),
    block: new TransformerDecoderBlock(block),
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
