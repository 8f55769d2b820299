/**
 * The layer classes of this folder that saved models may hold, by the names that they are exported by.
 * A new one is entered here.
 */
import { TransformerDecoderBlock } from './decoder_block';
import { TransformerEncoderBlock } from './encoder_block';
import { RevColLanguageModel } from './language_model';
import { MultiHeadAttention } from './multi_head_attention';
import { PaddingMask } from './padding_mask';
import { PatchEmbedding } from './patch_embedding';
import { LearnedPositions, SinusoidalPositions } from './positions';
import { TokenEmbedding } from './token_embedding';
import { TokenHead } from './token_head';
import { TranslationDecoder } from './translation_decoder';

export const TRANSFORMER_LAYERS = {
  LearnedPositions,
  MultiHeadAttention,
  PaddingMask,
  PatchEmbedding,
  RevColLanguageModel,
  SinusoidalPositions,
  TokenEmbedding,
  TokenHead,
  TransformerDecoderBlock,
  TransformerEncoderBlock,
  TranslationDecoder,
};
