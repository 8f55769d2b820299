/**
 * Registers the layer classes with tfjs, so that saved models load, and the kernels that its wasm
 * and tensorflow backends lack. Runs once, on import.
 */
import { serialization } from '@tensorflow/tfjs-core';

import { ConvNextBlock } from '../layers/convnext_block';
import { RevColHead } from '../layers/head';
import { RevColImageDecoder } from '../layers/image_decoder';
import { RevColLanguageModel } from '../layers/language_model';
import { LevelFusion } from '../layers/level_fusion';
import { MultiHeadAttention } from '../layers/multi_head_attention';
import { PaddingMask } from '../layers/padding_mask';
import { PatchEmbedding } from '../layers/patch_embedding';
import { LearnedPositions, SinusoidalPositions } from '../layers/positions';
import { RevColBackbone } from '../layers/rev_col_backbone';
import { ReversibleColumn } from '../layers/reversible_column';
import { RevColStem } from '../layers/stem';
import { TokenEmbedding } from '../layers/token_embedding';
import { TokenHead } from '../layers/token_head';
import { TransformerDecoderBlock } from '../layers/transformer_decoder_block';
import { TransformerEncoderBlock } from '../layers/transformer_encoder_block';
import { TranslationDecoder } from '../layers/translation_decoder';
import { registerTensorflowKernels } from '../ops/tensorflow/index';
import { installWasmKernels } from '../ops/wasm/index';

const PACKAGE = 'tfjs-revcol';

for (const layer of [
  ConvNextBlock,
  LevelFusion,
  RevColStem,
  RevColHead,
  RevColImageDecoder,
  ReversibleColumn,
  RevColBackbone,
  MultiHeadAttention,
  TransformerEncoderBlock,
  TransformerDecoderBlock,
  TokenEmbedding,
  TokenHead,
  RevColLanguageModel,
  LearnedPositions,
  SinusoidalPositions,
  PatchEmbedding,
  PaddingMask,
  TranslationDecoder,
]) {
  serialization.registerClass(layer, PACKAGE);
}

registerTensorflowKernels();
installWasmKernels();
