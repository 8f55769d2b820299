/** Tells tfjs what the package brings: layer classes, and kernels that its backends lack. */
import { registerOwnClasses } from '../layers/base/own_classes';
import { ConvNextBlock } from '../layers/columns/convnext_block';
import { RevColHead } from '../layers/columns/head';
import { RevColImageDecoder } from '../layers/columns/image_decoder';
import { LevelFusion } from '../layers/columns/level_fusion';
import { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { ReversibleColumn } from '../layers/columns/reversible_column';
import { RevColStem } from '../layers/columns/stem';
import { TransformerDecoderBlock } from '../layers/transformer/decoder_block';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import { RevColLanguageModel } from '../layers/transformer/language_model';
import { MultiHeadAttention } from '../layers/transformer/multi_head_attention';
import { PaddingMask } from '../layers/transformer/padding_mask';
import { PatchEmbedding } from '../layers/transformer/patch_embedding';
import { LearnedPositions, SinusoidalPositions } from '../layers/transformer/positions';
import { TokenEmbedding } from '../layers/transformer/token_embedding';
import { TokenHead } from '../layers/transformer/token_head';
import { TranslationDecoder } from '../layers/transformer/translation_decoder';
import { installGradients } from '../ops/kernels/gradients';
import { registerTensorflowKernels } from '../ops/kernels/tensorflow/index';
import { installWasmKernels } from '../ops/kernels/wasm/index';

registerOwnClasses({
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
});

registerTensorflowKernels();
installWasmKernels();
installGradients();
