/** Random changes of training images, single ones and batches. */
export type { Interpolation } from './affine';
export type { Interval } from './checks';
export { colorJitter, type ColorJitterAmounts, type ColorJitterOptions } from './color_jitter';
export type { AugmentationName } from './magnitudes';
export type { MixedBatch, MixingOptions } from './mixing';
export {
  cutmix,
  mixup,
  mixupOrCutmix,
  type CutmixOptions,
  type MixupOptions,
  type MixupOrCutmixOptions,
} from './mixup';
export {
  photometricDistortion,
  type PhotometricAmounts,
  type PhotometricDistortionOptions,
} from './photometric_distortion';
export { randAugment, type RandAugmentOptions } from './rand_augment';
export type { RandAugmentPolicy } from './rand_augment_policy';
export { seededRandom, type Seed, type SeededRandom } from './random';
export type { Erasing } from './erase_values';
export { randomErasing, type RandomErasingOptions } from './random_erasing';
export { randomFlip, type RandomFlipOptions } from './random_flip';
export { randomResizedCrop, type RandomResizedCropOptions } from './random_resized_crop';
export {
  segmentationTransform,
  type LabelledPixels,
  type SegmentationTransform,
  type SegmentationTransformOptions,
} from './segmentation_transform';
export type { LabelOptions, Labels } from './soft_labels';
export type { TrainingTransformOptions } from './training_pixels';
export { trainingTransform, type TrainingTransform } from './training_transform';
