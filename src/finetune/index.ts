/** From labelled examples to a trained classifier, segmenter or detector. */
export type {
  Augmentation,
  AugmentationFunction,
  AugmentationOptions,
  AugmentationStrength,
} from './classifier/augmentation';
export type { TrainedParts } from './base/defaults';
export type { Best } from './run/early_stopping';
export { DivergedError } from './base/errors';
export type { FineTuneEpoch, FineTuneEvents, FineTuneStep } from './base/events';
export { fineTune, type FineTuneResult } from './classifier/fine_tune';
export {
  type BestSegmenter,
  fineTuneSegmenter,
  type FineTuneSegmenterResult,
} from './segmenter/fine_tune';
export {
  type BestDetector,
  fineTuneDetector,
  type FineTuneDetectorResult,
} from './detector/fine_tune';
export type { FineTuneDetectorOptions } from './detector/options';
export type { FineTuneDetectorModel } from './detector/prepare';
export type { RunFacts } from './run/facts';
export type { FineTuneOptions } from './classifier/options';
export type { RunSettings } from './base/options';
export type { FineTuneModel } from './classifier/prepare';
export type { FineTuneSegmenterModel } from './segmenter/prepare';
export type { StopReason } from './run/progress';
export type { FineTuneSegmenterOptions, SegmentationAugmentation } from './segmenter/options';
export type { TrainingPlaces } from './run/training_files';
