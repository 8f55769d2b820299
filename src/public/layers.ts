/** What tfjs-revcol/layers exports: layers, and what blocks of one's own are made of. */
export * as layers from '../layers/index';
export { ConvNextBlock, type ConvNextBlockArgs } from '../layers/columns/convnext_block';
export { RevColHead, type RevColHeadArgs } from '../layers/columns/head';
export { RevColImageDecoder, type RevColImageDecoderArgs } from '../layers/columns/image_decoder';
export { LevelFusion, type LevelFusionArgs } from '../layers/columns/level_fusion';
export { RevColBackbone, type RevColBackboneArgs } from '../layers/columns/rev_col_backbone';
export type { FeatureInfo } from '../layers/columns/backbone_features';
export type { BackboneOutput } from '../layers/columns/backbone_output';
export { ReversibleColumn, type ReversibleColumnArgs } from '../layers/columns/reversible_column';
export { RevColStem, type RevColStemArgs } from '../layers/columns/stem';

// Heads for dense prediction
export { FCNHead, type FCNHeadArgs } from '../layers/dense/fcn_head';
export { UPerHead, type UPerHeadArgs } from '../layers/dense/uper_head';

// Parts of detectors
export { BoxHead, type BoxHeadArgs } from '../layers/detection/box_head';
export { CascadeHead, type CascadeHeadArgs } from '../layers/detection/cascade_head';
export { FPN, type FPNArgs } from '../layers/detection/fpn';
export { MaskHead, type MaskHeadArgs } from '../layers/detection/mask_head';
export { RPNHead, type RPNHeadArgs } from '../layers/detection/rpn_head';

// Transformer layers
export {
  MultiHeadAttention,
  type MultiHeadAttentionArgs,
} from '../layers/transformer/multi_head_attention';
export {
  TransformerEncoderBlock,
  type TransformerEncoderBlockArgs,
} from '../layers/transformer/encoder_block';
export {
  TransformerDecoderBlock,
  type TransformerDecoderBlockArgs,
} from '../layers/transformer/decoder_block';
export { TokenEmbedding, type TokenEmbeddingArgs } from '../layers/transformer/token_embedding';
export { TokenHead, type TokenHeadArgs } from '../layers/transformer/token_head';
export {
  RevColLanguageModel,
  type RevColLanguageModelArgs,
} from '../layers/transformer/language_model';
export {
  LearnedPositions,
  SinusoidalPositions,
  type LearnedPositionsArgs,
  type SinusoidalPositionsArgs,
} from '../layers/transformer/positions';
export { PatchEmbedding, type PatchEmbeddingArgs } from '../layers/transformer/patch_embedding';
export {
  TranslationDecoder,
  type TranslationDecoderArgs,
} from '../layers/transformer/translation_decoder';
export { PaddingMask } from '../layers/transformer/padding_mask';
export { setWasmThreads, type WasmThreads } from '../ops/kernels/wasm_threads';
export { KeyValueCache } from '../ops/attention/cache';
export type { DifferentiatedLayer } from '../layers/base/level_function_of';
export type {
  FunctionGradients,
  LevelContext,
  LevelFunction,
  LinearizedFunction,
} from '../ops/reversible/level_function';
export type { ColumnOptions } from '../layers/columns/column_options';
export type { AnchorSpacing } from '../ops/reversible/anchors';
export type { Reconstruction } from '../ops/reversible/reconstruction';
import type { Reconstruction } from '../ops/reversible/reconstruction';
/** @deprecated Since 0.2.0: renamed to `Reconstruction`; it is a record, no error. */
export type ReconstructionError = Reconstruction;
