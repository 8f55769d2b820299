/** Factories in the manner of `tf.layers.*`. */
import { ConvNextBlock, type ConvNextBlockArgs } from './columns/convnext_block';
import { RevColHead, type RevColHeadArgs } from './columns/head';
import { RevColImageDecoder, type RevColImageDecoderArgs } from './columns/image_decoder';
import { LevelFusion, type LevelFusionArgs } from './columns/level_fusion';
import { RevColBackbone, type RevColBackboneArgs } from './columns/rev_col_backbone';
import { ReversibleColumn, type ReversibleColumnArgs } from './columns/reversible_column';
import { RevColStem, type RevColStemArgs } from './columns/stem';
import {
  TransformerDecoderBlock,
  type TransformerDecoderBlockArgs,
} from './transformer/decoder_block';
import {
  TransformerEncoderBlock,
  type TransformerEncoderBlockArgs,
} from './transformer/encoder_block';
import { RevColLanguageModel, type RevColLanguageModelArgs } from './transformer/language_model';
import {
  MultiHeadAttention,
  type MultiHeadAttentionArgs,
} from './transformer/multi_head_attention';
import { PaddingMask } from './transformer/padding_mask';
import { PatchEmbedding, type PatchEmbeddingArgs } from './transformer/patch_embedding';
import {
  LearnedPositions,
  type LearnedPositionsArgs,
  SinusoidalPositions,
  type SinusoidalPositionsArgs,
} from './transformer/positions';
import { TokenEmbedding, type TokenEmbeddingArgs } from './transformer/token_embedding';
import { TokenHead, type TokenHeadArgs } from './transformer/token_head';
import { TranslationDecoder, type TranslationDecoderArgs } from './transformer/translation_decoder';

/** See `RevColBackbone`. */
export function revColBackbone(args?: RevColBackboneArgs): RevColBackbone {
  return new RevColBackbone(args);
}

/** See `ReversibleColumn`. */
export function reversibleColumn(args?: ReversibleColumnArgs): ReversibleColumn {
  return new ReversibleColumn(args);
}

/** See `LevelFusion`. */
export function levelFusion(args?: LevelFusionArgs): LevelFusion {
  return new LevelFusion(args);
}

/** See `ConvNextBlock`. */
export function convNextBlock(args?: ConvNextBlockArgs): ConvNextBlock {
  return new ConvNextBlock(args);
}

/** See `RevColStem`. */
export function revColStem(args: RevColStemArgs): RevColStem {
  return new RevColStem(args);
}

/** See `RevColHead`. */
export function revColHead(args: RevColHeadArgs): RevColHead {
  return new RevColHead(args);
}

/** See `RevColImageDecoder`. */
export function revColImageDecoder(args: RevColImageDecoderArgs): RevColImageDecoder {
  return new RevColImageDecoder(args);
}

/** See `MultiHeadAttention`. */
export function multiHeadAttention(args: MultiHeadAttentionArgs): MultiHeadAttention {
  return new MultiHeadAttention(args);
}

/** See `TransformerEncoderBlock`. */
export function transformerEncoderBlock(
  args: TransformerEncoderBlockArgs,
): TransformerEncoderBlock {
  return new TransformerEncoderBlock(args);
}

/** See `TransformerDecoderBlock`. */
export function transformerDecoderBlock(
  args: TransformerDecoderBlockArgs,
): TransformerDecoderBlock {
  return new TransformerDecoderBlock(args);
}

/** See `TokenEmbedding`. */
export function tokenEmbedding(args: TokenEmbeddingArgs): TokenEmbedding {
  return new TokenEmbedding(args);
}

/** See `TokenHead`. */
export function tokenHead(args: TokenHeadArgs): TokenHead {
  return new TokenHead(args);
}

/** See `LearnedPositions`. */
export function learnedPositions(args: LearnedPositionsArgs): LearnedPositions {
  return new LearnedPositions(args);
}

/** See `SinusoidalPositions`. */
export function sinusoidalPositions(args?: SinusoidalPositionsArgs): SinusoidalPositions {
  return new SinusoidalPositions(args);
}

/** See `PatchEmbedding`. */
export function patchEmbedding(args: PatchEmbeddingArgs): PatchEmbedding {
  return new PatchEmbedding(args);
}

/** See `PaddingMask`. */
export function paddingMask(): PaddingMask {
  return new PaddingMask();
}

/** See `RevColLanguageModel`. */
export function revColLanguageModel(args: RevColLanguageModelArgs): RevColLanguageModel {
  return new RevColLanguageModel(args);
}

/** See `TranslationDecoder`. */
export function translationDecoder(args: TranslationDecoderArgs): TranslationDecoder {
  return new TranslationDecoder(args);
}
