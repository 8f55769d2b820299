/** From labelled examples to a trained classifier, segmenter or detector. */
export type {
  Augmentation,
  AugmentationFunction,
  AugmentationOptions,
  AugmentationStrength,
} from './augmentation';
export type { TrainedParts } from './defaults';
export type { Best } from './early_stopping';
export { DivergedError } from './errors';
export type { FineTuneEpoch, FineTuneEvents, FineTuneStep } from './events';
export { fineTune, type FineTuneResult } from './fine_tune';
export {
  type BestSegmenter,
  fineTuneSegmenter,
  type FineTuneSegmenterResult,
} from './fine_tune_segmenter';
export {
  type BestDetector,
  fineTuneDetector,
  type FineTuneDetectorResult,
} from './fine_tune_detector';
export type { FineTuneDetectorOptions } from './detector_options';
export type { FineTuneDetectorModel } from './prepare_detector';
export type { RunFacts } from './run_facts';
export type { FineTuneOptions } from './options';
export type { RunSettings } from './run_options';
export type { FineTuneModel } from './prepare_model';
export type { FineTuneSegmenterModel } from './prepare_segmenter';
export type { StopReason } from './progress';
export type { FineTuneSegmenterOptions, SegmentationAugmentation } from './segmenter_options';
export type { TrainingPlaces } from './training_files';
