/** What tfjs-revcol/models exports: whole models, their names, and how they write text. */
export {
  createModel,
  type CreateModelOptions,
  type CreatePretrainedOptions,
} from '../models/create_model';
export type { CreatePretrainedSegmenterOptions, CreateSegmenterOptions } from '../models/segmenter';
export type { CreateDetectorOptions, CreatePretrainedDetectorOptions } from '../models/detector';
export { DetectedObject, type Detections, detect } from '../models/detect';
export type { DetectOptions } from '../models/detect_options';
export { type ClassArea, segment, type Segmentation } from '../models/segment';
export type { Colour, SegmentOptions } from '../models/segment_options';
export {
  evaluateSegmenter,
  type EvaluateSegmenterOptions,
  type SegmentationEvaluation,
  type SegmentedClass,
  type SegmentingOptions,
} from '../models/evaluate_segmenter';
export {
  type DetectedClass,
  type DetectingOptions,
  type DetectorEvaluation,
  evaluateDetector,
  type EvaluateDetectorOptions,
  type PrecisionFigures,
} from '../models/evaluate_detector';
export { paintDetections } from '../models/paint_detections';
export { paintSegmentation } from '../models/paint_segmentation';
export { createLanguageModel, type CreateLanguageModelOptions } from '../models/language_model';
export { generate, languageModelSteps, type GenerateOptions } from '../models/generate';
export {
  createTagger,
  createTextClassifier,
  type CreateTextModelOptions,
} from '../models/text_model';
export { createTranslationModel, type CreateTranslationModelOptions } from '../models/translation';
export {
  translate,
  translationSteps,
  type TranslateOptions,
  type TranslationSteps,
} from '../models/translate';
export type {
  CreateNamedTextOptions,
  CreatePretrainedTextOptions,
} from '../models/named_text_model';
export { createVitModel, type CreateVitModelOptions } from '../models/vit';
export { listModels, type ListModelsOptions, type ModelRecord } from '../registry/models';
export type { ModelName } from '../registry/names';
export { ADE20K_CLASSES, ADE20K_PALETTE } from '../registry/ade20k';
export { COCO_CATEGORY_IDS, COCO_CLASSES } from '../registry/coco';
export { VIT_SIZES, type VitSize } from '../registry/sizes';
export type { TextSize } from '../registry/text';
export type { VitSizeName } from '../registry/architectures';

// From examples to a trained classifier, segmenter or detector
export {
  type Augmentation,
  type AugmentationFunction,
  type AugmentationOptions,
  type AugmentationStrength,
  type Best,
  type BestDetector,
  type BestSegmenter,
  DivergedError,
  fineTune,
  fineTuneDetector,
  type FineTuneDetectorModel,
  type FineTuneDetectorOptions,
  type FineTuneDetectorResult,
  type FineTuneEpoch,
  type FineTuneEvents,
  type FineTuneModel,
  type FineTuneOptions,
  type FineTuneResult,
  fineTuneSegmenter,
  type FineTuneSegmenterModel,
  type FineTuneSegmenterOptions,
  type FineTuneSegmenterResult,
  type FineTuneStep,
  type RunFacts,
  type RunSettings,
  type SegmentationAugmentation,
  type StopReason,
  type TrainedParts,
  type TrainingPlaces,
} from '../finetune/index';
