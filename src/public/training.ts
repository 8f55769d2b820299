/** What tfjs-revcol/training exports: optimizers, losses, schedules, augmentation, and memory. */
export { AdamW, type AdamWArgs } from '../training/adamw';
export { FusedStepError } from '../training/fused_step';
export { Adafactor, type AdafactorArgs } from '../training/adafactor';
export { Lion, type LionArgs } from '../training/lion';
export { SGD, type SGDArgs } from '../training/sgd';
export type { ParameterGroup } from '../training/parameter_groups';
export { layerDecayGroups, type LayerDecayOptions } from '../training/layer_decay';
export {
  recoverableTraining,
  type RecoverableTrainingOptions,
} from '../training/recoverable_training';
export {
  inverseSquareRootSchedule,
  type InverseSquareRootOptions,
  type Schedule,
} from '../training/schedules';
export { tokenCrossEntropy, type TokenCrossEntropyOptions } from '../training/token_cross_entropy';
export { trainingStep, type TrainingStepOptions } from '../training/training_step';

// Augmentation
export {
  colorJitter,
  cutmix,
  mixup,
  mixupOrCutmix,
  randAugment,
  randomErasing,
  randomFlip,
  randomResizedCrop,
  seededRandom,
  trainingTransform,
  type AugmentationName,
  type ColorJitterAmounts,
  type ColorJitterOptions,
  type CutmixOptions,
  type Erasing,
  type Interpolation,
  type Interval,
  type LabelOptions,
  type Labels,
  type MixedBatch,
  type MixingOptions,
  type MixupOptions,
  type MixupOrCutmixOptions,
  type RandAugmentOptions,
  type RandAugmentPolicy,
  type RandomErasingOptions,
  type RandomFlipOptions,
  type RandomResizedCropOptions,
  type Seed,
  type SeededRandom,
  type TrainingTransform,
  type TrainingTransformOptions,
} from '../augmentation/index';

// Memory and the device
export { BackendLostError } from '../ops/engine/lost_backend';
export { memoryPeak, type MemoryPeak } from '../ops/engine/memory_peak';
export { recompute } from '../ops/engine/recompute';
