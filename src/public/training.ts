/** What tfjs-revcol/training exports: optimizers, losses, schedules, augmentation, evaluation, memory. */
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
  loadTraining,
  type LoadTrainingOptions,
  removeTraining,
  savedTraining,
} from '../training/load_training';
export { saveTraining } from '../training/save_training';
export type {
  SavedTraining,
  SavesWeights,
  TrainingParts,
  TrainingSource,
  TrainingTarget,
  TrainingToSave,
} from '../training/saved_training';
export type { NamedTensor } from '../training/saved_states';
export { seedTraining } from '../training/seed_training';
export {
  inverseSquareRootSchedule,
  type InverseSquareRootOptions,
} from '../training/inverse_square_root_schedule';
export type { FiniteScheduleOptions, Schedule } from '../training/schedule_options';
export { cosineSchedule, type CosineScheduleOptions } from '../training/cosine_schedule';
export { oneCycleSchedule, type OneCycleScheduleOptions } from '../training/one_cycle_schedule';
export { polySchedule, type PolyScheduleOptions } from '../training/poly_schedule';
export { stepSchedule, type StepScheduleOptions } from '../training/step_schedule';
export {
  scheduleCallback,
  type ScheduleCallbackOptions,
  setLearningRate,
} from '../training/schedule_callback';
export { scaleRate } from '../training/scale_rate';
export { scaleHeads, type ScaleHeadsOptions } from '../training/head_scale';
export { Ema, type EmaOptions } from '../training/ema';
export {
  pixelAccuracy,
  segmentationLoss,
  type SegmentationLossOptions,
} from '../training/segmentation_loss';
export { detectionStep, type DetectionStepOptions } from '../models/detection_step';
export type { DetectionLosses } from '../models/detection_gradients';
export { DETECTION_TRAINING, type DetectionTraining } from '../models/detection_targets';
export type { ImageObjects } from '../models/detection_objects';
export type { ObjectMask } from '../ops/detection/masks';
export { tokenCrossEntropy, type TokenCrossEntropyOptions } from '../training/token_cross_entropy';
export { trainingStep, type TrainingStepOptions } from '../training/training_step';
export { accumulatedStep, type AccumulatedStepOptions } from '../training/accumulated_step';

// Losses of images
export {
  type CrossEntropyOptions,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from '../training/cross_entropy';
export {
  type LossOptions,
  sigmoidCrossEntropyLoss,
  softmaxCrossEntropyLoss,
} from '../training/loss_functions';
export {
  compoundLoss,
  type CompoundLoss,
  type CompoundLossOptions,
} from '../training/compound_loss';
export { type LossFunction, registerLoss } from '../training/named_losses';
export { confusionMatrix } from '../training/confusion_matrix';

// Published trainings
export { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
export { type Recipe, recipe, type RecipeName } from '../registry/recipes/recipe';
export type {
  ClassificationRecipe,
  ClassificationRecipeName,
} from '../registry/recipes/classification';
export type {
  DetectionRecipe,
  DetectionRecipeName,
  SegmentationRecipe,
  SegmentationRecipeName,
} from '../registry/recipes/dense';

// Augmentation
export {
  colorJitter,
  cutmix,
  mixup,
  mixupOrCutmix,
  photometricDistortion,
  randAugment,
  randomErasing,
  randomFlip,
  randomResizedCrop,
  seededRandom,
  segmentationTransform,
  trainingTransform,
  type AugmentationName,
  type ColorJitterAmounts,
  type ColorJitterOptions,
  type CutmixOptions,
  type Erasing,
  type Interpolation,
  type Interval,
  type LabelledPixels,
  type LabelOptions,
  type Labels,
  type MixedBatch,
  type MixingOptions,
  type MixupOptions,
  type MixupOrCutmixOptions,
  type PhotometricAmounts,
  type PhotometricDistortionOptions,
  type RandAugmentOptions,
  type RandAugmentPolicy,
  type RandomErasingOptions,
  type RandomFlipOptions,
  type RandomResizedCropOptions,
  type Seed,
  type SeededRandom,
  type SegmentationTransform,
  type SegmentationTransformOptions,
  type TrainingTransform,
  type TrainingTransformOptions,
} from '../augmentation/index';
export {
  detectionBatch,
  type DetectionBatch,
  type DetectionBatchOptions,
} from '../data/detection_batch';
export { epochOrder } from '../augmentation/epoch_order';
export {
  type DetectionCrop,
  type DetectionExample,
  detectionTransform,
  type DetectionTransform,
  type DetectionTransformOptions,
} from '../augmentation/detection_transform';

// Memory and the device
export { BackendLostError } from '../ops/engine/lost_backend';
export { memoryPeak, type MemoryPeak } from '../ops/engine/memory_peak';
export { recompute } from '../ops/engine/recompute';

// Evaluation
export {
  evaluate,
  type Calibration,
  type CalibrationBin,
  type ClassMetrics,
  type Confusion,
  type EvaluateOptions,
  type Evaluation,
  type HistoryPoint,
  type Mistake,
  type TrainingHistory,
} from '../evaluation/index';
export { MeanIoU, type MeanIoUOptions, type MeanIoUResult } from '../evaluation/mean_iou';
export {
  AveragePrecision,
  type AveragePrecisionOptions,
  type EvaluatedImage,
} from '../evaluation/average_precision';
export type { DetectionKind, FoundObject, TrueObject } from '../evaluation/coco_objects';
export { evaluateCoco, type EvaluateCocoOptions } from '../evaluation/evaluate_coco';
export type {
  AveragePrecisionResult,
  CategoryPrecision,
  DetectionLimits,
} from '../evaluation/precision_summary';
