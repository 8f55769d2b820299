/** Factories of the layers of transformers, in the manner of `tf.layers.*`. */
import type { LayerArgs } from '../base/checked_layer';
import { TransformerDecoderBlock, type TransformerDecoderBlockArgs } from './decoder_block';
import { TransformerEncoderBlock, type TransformerEncoderBlockArgs } from './encoder_block';
import { RevColLanguageModel, type RevColLanguageModelArgs } from './language_model';
import { MultiHeadAttention, type MultiHeadAttentionArgs } from './multi_head_attention';
import { PaddingMask } from './padding_mask';
import { PatchEmbedding, type PatchEmbeddingArgs } from './patch_embedding';
import {
  LearnedPositions,
  type LearnedPositionsArgs,
  SinusoidalPositions,
  type SinusoidalPositionsArgs,
} from './positions';
import { TokenEmbedding, type TokenEmbeddingArgs } from './token_embedding';
import { TokenHead, type TokenHeadArgs } from './token_head';
import { TranslationDecoder, type TranslationDecoderArgs } from './translation_decoder';

/**
 * Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762), with Keras's names and weights. Scores
 * are computed some queries at a time, so memory does not grow with the square of the length.
 *
 * Input: `x`, or `[query, value]`, `[query, value, key]`, `[query, value, key, keyMask]`, each
 * `[batch, time, width]`, keyMask `[batch, keys]`. Output: `[batch, queries, query width]`. float32.
 *
 * @param args `numHeads`, `keyDim`: width of a head; `valueDim` (`keyDim`), `dropout` (0),
 *   `useCausalMask` (false), `attention` (`'dot'`, or `'cosine'`), `chunkSize` (by memory)
 * @throws {Error} when an argument is out of range, or an input has another rank or an unknown width
 *
 * @example
 * layers.multiHeadAttention({ numHeads: 4, keyDim: 16 }).apply(tokens);
 */
export function multiHeadAttention(args: MultiHeadAttentionArgs): MultiHeadAttention {
  return new MultiHeadAttention(args);
}

/**
 * Transformer encoder block: self-attention (arXiv 1706.03762) and a feed-forward network with GELU,
 * each a residual branch with a LayerNorm. With `useCausalMask` the block of a language model. Has a
 * hand-written gradient for reversible columns.
 *
 * Input and output: `[batch, time, width]`, float32. A mask `[batch, time]` hides keys.
 *
 * @param args `numHeads`; `keyDim` (width / numHeads), `intermediateDim` (4 * width), `norm`
 *   (`'pre'`, or `'post'`), `useCausalMask` (false), `dropout`, `attentionDropout`, `dropRate` (0)
 * @throws {Error} when an argument is out of range, or the width is unknown or no multiple of the
 *   heads
 *
 * @example
 * layers.revColBackbone({ stem, block: layers.transformerEncoderBlock({ numHeads: 4 }) });
 */
export function transformerEncoderBlock(
  args: TransformerEncoderBlockArgs,
): TransformerEncoderBlock {
  return new TransformerEncoderBlock(args);
}

/**
 * Transformer decoder block: causal self-attention, cross-attention to a memory (arXiv 1706.03762)
 * and a feed-forward network with GELU, each a residual branch with a LayerNorm.
 *
 * Input: `x`, `[x, memory]` or `[x, memory, memoryMask]`: x `[batch, time, width]`, memory `[batch, s,
 * any width]`, memoryMask `[batch, s]`. Output: `[batch, time, width]`. float32.
 *
 * @param args as in `transformerEncoderBlock` without `dropRate`; `useCausalMask` is true by default
 * @throws {Error} when an argument is out of range, or the number of inputs changes between calls
 *
 * @example
 * layers.transformerDecoderBlock({ numHeads: 4 }).apply([target, memory, memoryMask]);
 */
export function transformerDecoderBlock(
  args: TransformerDecoderBlockArgs,
): TransformerDecoderBlock {
  return new TransformerDecoderBlock(args);
}

/**
 * Token embedding with positions: the stem of a RevCol over language. Names as in
 * `tf.layers.embedding`.
 *
 * Input: ids `[batch, time]`, int32. Output: `[batch, time, outputDim]`, float32.
 *
 * @param args `inputDim`: size of the vocabulary, `outputDim`: width; `maskZero` (false), `positions`
 *   (`'none'`; `'learned'`, `'sinusoidal'`), `sequenceLength` (for learned ones), `scale`
 *   (`sqrt(outputDim)` where there are positions, else 1), `initializerRange` (`outputDim ** -0.5`),
 *   `dropout` (0)
 * @throws {Error} when an argument is out of range, or a sequence is longer than `sequenceLength`
 *
 * @example
 * layers.tokenEmbedding({ inputDim: 1000, outputDim: 64, maskZero: true, positions: 'sinusoidal' });
 */
export function tokenEmbedding(args: TokenEmbeddingArgs): TokenEmbedding {
  return new TokenEmbedding(args);
}

/**
 * Head that gives every token logits of its own: LayerNorm, linear. Passes the mask on.
 *
 * Input `[batch, time, width]`, output logits `[batch, time, units]`. float32.
 *
 * @param args `units`: number of classes, or size of the vocabulary
 * @throws {Error} when `units` is no whole number from 1, or the input's width is unknown
 *
 * @example
 * layers.tokenHead({ units: 17 }).apply(features);
 */
export function tokenHead(args: TokenHeadArgs): TokenHead {
  return new TokenHead(args);
}

/**
 * Adds a learned embedding of each token's position (as in GPT-2 and ViT, arXiv 2010.11929).
 *
 * Input and output: `[batch, time, width]`, time at most `sequenceLength`, float32.
 *
 * @param args `sequenceLength`: longest sequence, in tokens; `initializerRange` (0.02)
 * @throws {Error} when an argument is out of range, or a sequence is longer
 *
 * @example
 * layers.learnedPositions({ sequenceLength: 128 }).apply(tokens);
 */
export function learnedPositions(args: LearnedPositionsArgs): LearnedPositions {
  return new LearnedPositions(args);
}

/**
 * Adds sinusoids of each token's position (Vaswani et al. 2017, arXiv 1706.03762, section 3.5); no
 * weights, any length.
 *
 * Input and output: `[batch, time, width]`, float32.
 *
 * @param args `maxWavelength` over 2 pi, in tokens (10000)
 * @throws {Error} when `maxWavelength` is not above 0, or the input's width is unknown
 *
 * @example
 * layers.sinusoidalPositions().apply(tokens);
 */
export function sinusoidalPositions(args?: SinusoidalPositionsArgs): SinusoidalPositions {
  return new SinusoidalPositions(args);
}

/**
 * Patches of an image as tokens, with learned positions (Dosovitskiy et al. 2021, arXiv 2010.11929):
 * the stem of a RevCol over patches.
 *
 * Input: `[batch, height, width, channels]` of known size. Output: `[batch, patches, filters]`, patches
 * row by row. float32.
 *
 * @param args `filters`: width of a token; `patchSize` in pixels (16)
 * @throws {Error} when an argument is out of range, or the image's size is unknown or below a patch
 *
 * @example
 * layers.patchEmbedding({ inputShape: [224, 224, 3], filters: 384 });
 */
export function patchEmbedding(args: PatchEmbeddingArgs): PatchEmbedding {
  return new PatchEmbedding(args);
}

/**
 * Which tokens are real: 1 where an id is not 0. For layers that take the mask of a further input as an
 * input, because tfjs passes on the first input's only.
 *
 * Input: ids, any shape. Output: the same shape, float32 0 or 1.
 *
 * @example
 * const memoryMask = layers.paddingMask().apply(sourceIds);
 */
export function paddingMask(args?: LayerArgs): PaddingMask {
  return new PaddingMask(args);
}

/**
 * Causal language model: a backbone over tokens, LayerNorm and, at every position, logits of the token
 * that follows. `createLanguageModel` makes a whole model of it.
 *
 * Input: ids `[batch, time]`, int32. Output: logits `[batch, time, vocabulary]`, float32.
 *
 * @param args `backbone`: template with a `tokenEmbedding` as its stem and causal blocks;
 *   `tieEmbeddings` (true; Press and Wolf 2017, arXiv 1608.05859)
 * @throws {Error} when the stem is no `TokenEmbedding`, the backbone gives more than one output, or
 *   embeddings of another width than the top level are to be tied
 *
 * @example
 * layers.revColLanguageModel({ backbone: layers.revColBackbone({ stem, block, channels, depths }) });
 */
export function revColLanguageModel(args: RevColLanguageModelArgs): RevColLanguageModel {
  return new RevColLanguageModel(args);
}

/**
 * Decoder of a translation model (arXiv 1706.03762): embedding, blocks with cross-attention to the
 * memory, LayerNorm and, at every position, logits of the token that follows.
 *
 * Input: `[ids, memory, memoryMask]`: ids `[batch, time]` int32, memory `[batch, s, any width]`,
 * memoryMask `[batch, s]`. Output: logits `[batch, time, vocabulary]`, float32.
 *
 * @param args `embedding`: template of a `tokenEmbedding`, `block`: of a `transformerDecoderBlock`,
 *   `depth`: number of blocks; `tieEmbeddings` (true)
 * @throws {Error} when a template is of another class, or the inputs are not these three
 *
 * @example
 * layers.translationDecoder({ embedding, block, depth: 2 }).apply([targetIds, memory, memoryMask]);
 */
export function translationDecoder(args: TranslationDecoderArgs): TranslationDecoder {
  return new TranslationDecoder(args);
}
