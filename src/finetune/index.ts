/** From labelled examples to a trained classifier. */
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
export type { FineTuneOptions } from './options';
export type { FineTuneModel } from './prepare_model';
export type { StopReason } from './progress';
export type { TrainingPlaces } from './training_files';
