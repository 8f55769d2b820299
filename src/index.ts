/**
 * tfjs-revcol: Reversible Column Networks for TensorFlow.js. Importing this module registers the
 * layer classes with tfjs.
 */
import './registry/register';

// Layers
export * as layers from './layers/index';
export { ConvNextBlock, type ConvNextBlockArgs } from './layers/columns/convnext_block';
export { RevColHead, type RevColHeadArgs } from './layers/columns/head';
export { RevColImageDecoder, type RevColImageDecoderArgs } from './layers/columns/image_decoder';
export { LevelFusion, type LevelFusionArgs } from './layers/columns/level_fusion';
export { RevColBackbone, type RevColBackboneArgs } from './layers/columns/rev_col_backbone';
export type { BackboneOutput } from './layers/columns/backbone_output';
export { ReversibleColumn, type ReversibleColumnArgs } from './layers/columns/reversible_column';
export { RevColStem, type RevColStemArgs } from './layers/columns/stem';

// Transformer layers
export {
  MultiHeadAttention,
  type MultiHeadAttentionArgs,
} from './layers/transformer/multi_head_attention';
export {
  TransformerEncoderBlock,
  type TransformerEncoderBlockArgs,
} from './layers/transformer/encoder_block';
export {
  TransformerDecoderBlock,
  type TransformerDecoderBlockArgs,
} from './layers/transformer/decoder_block';
export { TokenEmbedding, type TokenEmbeddingArgs } from './layers/transformer/token_embedding';
export { TokenHead, type TokenHeadArgs } from './layers/transformer/token_head';
export {
  RevColLanguageModel,
  type RevColLanguageModelArgs,
} from './layers/transformer/language_model';
export {
  LearnedPositions,
  SinusoidalPositions,
  type LearnedPositionsArgs,
  type SinusoidalPositionsArgs,
} from './layers/transformer/positions';
export { PatchEmbedding, type PatchEmbeddingArgs } from './layers/transformer/patch_embedding';
export {
  TranslationDecoder,
  type TranslationDecoderArgs,
} from './layers/transformer/translation_decoder';
export { PaddingMask } from './layers/transformer/padding_mask';
export { KeyValueCache } from './ops/attention/cache';
export type { DifferentiatedLayer } from './layers/base/level_function_of';
export type {
  FunctionGradients,
  LevelContext,
  LevelFunction,
  LinearizedFunction,
} from './ops/reversible/level_function';
export type { ColumnOptions } from './layers/columns/column_options';

// Models
export {
  createModel,
  type CreateModelOptions,
  type CreatePretrainedOptions,
} from './models/create_model';
export { createLanguageModel, type CreateLanguageModelOptions } from './models/language_model';
export { generate, languageModelSteps, type GenerateOptions } from './models/generate';
export {
  createTagger,
  createTextClassifier,
  type CreateTextModelOptions,
} from './models/text_model';
export { createTranslationModel, type CreateTranslationModelOptions } from './models/translation';
export {
  translate,
  translationSteps,
  type TranslateOptions,
  type TranslationSteps,
} from './models/translate';
export { createVitModel, type CreateVitModelOptions } from './models/vit';
export { listModels, type ListModelsOptions, type ModelRecord } from './registry/models';
export type { ModelName } from './registry/names';
export { VIT_SIZES, type VitSize } from './registry/sizes';
export type { VitSizeName } from './registry/architectures';

// Checkpoints
export { loadCheckpoint, type LoadOptions, type LoadReport } from './weights/load_checkpoint';
export { saveCheckpoint, type SaveOptions } from './weights/save_checkpoint';
export { openCheckpoint, type OpenOptions } from './weights/open_checkpoint';
export type { Checkpoint } from './weights/checkpoint';
export { CheckpointError } from './weights/errors';
export type { CheckpointSource } from './weights/bytes/source';

// Published weights
export { pretrainedWeights } from './registry/names';
export type { PretrainedName, PretrainedWeights, WeightSource } from './registry/pretrained';
export {
  fetchPretrained,
  removePretrained,
  type Downloadable,
  type DownloadProgress,
  type FetchPretrainedOptions,
} from './download/fetch_pretrained';
export { DownloadError, type DownloadErrorCode } from './download/errors';

// Images
export {
  fitImage,
  preprocess,
  readPixels,
  type Drawable,
  type PixelImage,
  type PreprocessOptions,
  type RgbImage,
} from './preprocessing/index';

// Conversion
export { architectureOf, type Architecture } from './convert/architecture';
export {
  convertCheckpoint,
  type ConvertOptions,
  type ConvertReport,
} from './convert/convert_checkpoint';
export { filesSink, folderSink } from './convert/model_sinks';
export type { WeightDType } from './convert/quantize';
export type { ModelSink } from './convert/shard_writer';

// Text generation
export type { DecodeOptions, Decoded, StepModel } from './text/step_model';
export { greedySearch, type SequentialOptions } from './text/decode_greedy';
export { sampleTokens, type SamplingOptions } from './text/decode_sampling';
export { beamSearch, type BeamOptions, type Hypothesis } from './text/decode_beam';
export { corpusBleu, type BleuScore } from './text/bleu';

// Training
export { AdamW, type AdamWArgs } from './training/adamw';
export type { ParameterGroup } from './training/parameter_groups';
export { layerDecayGroups, type LayerDecayOptions } from './training/layer_decay';
export {
  inverseSquareRootSchedule,
  type InverseSquareRootOptions,
  type Schedule,
} from './training/schedules';
export { tokenCrossEntropy, type TokenCrossEntropyOptions } from './training/token_cross_entropy';
export { trainingStep, type TrainingStepOptions } from './training/training_step';

// Memory
export { memoryPeak, type MemoryPeak } from './ops/engine/memory_peak';
export { recompute } from './ops/engine/recompute';
export type { AnchorSpacing } from './ops/reversible/anchors';
export type { Reconstruction } from './ops/reversible/reconstruction';
import type { Reconstruction } from './ops/reversible/reconstruction';
/** @deprecated Since 0.2.0: renamed to `Reconstruction`; it is a record, no error. */
export type ReconstructionError = Reconstruction;
