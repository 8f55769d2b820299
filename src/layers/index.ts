/** Factories in the manner of `tf.layers.*`. */
import { ConvNextBlock, type ConvNextBlockArgs } from './convnext_block';
import { RevColHead, type RevColHeadArgs } from './head';
import { RevColImageDecoder, type RevColImageDecoderArgs } from './image_decoder';
import { RevColLanguageModel, type RevColLanguageModelArgs } from './language_model';
import { LevelFusion, type LevelFusionArgs } from './level_fusion';
import { MultiHeadAttention, type MultiHeadAttentionArgs } from './multi_head_attention';
import { PaddingMask } from './padding_mask';
import { PatchEmbedding, type PatchEmbeddingArgs } from './patch_embedding';
import {
  LearnedPositions,
  SinusoidalPositions,
  type LearnedPositionsArgs,
  type SinusoidalPositionsArgs,
} from './positions';
import { RevColBackbone, type RevColBackboneArgs } from './rev_col_backbone';
import { ReversibleColumn, type ReversibleColumnArgs } from './reversible_column';
import { RevColStem, type RevColStemArgs } from './stem';
import { TokenEmbedding, type TokenEmbeddingArgs } from './token_embedding';
import { TokenHead, type TokenHeadArgs } from './token_head';
import {
  TransformerDecoderBlock,
  type TransformerDecoderBlockArgs,
} from './transformer_decoder_block';
import {
  TransformerEncoderBlock,
  type TransformerEncoderBlockArgs,
} from './transformer_encoder_block';
import { TranslationDecoder, type TranslationDecoderArgs } from './translation_decoder';

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
