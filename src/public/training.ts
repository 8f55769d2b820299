/** What tfjs-revcol/training exports: optimizers, losses, schedules, and memory. */
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

// Memory and the device
export { BackendLostError } from '../ops/engine/lost_backend';
export { memoryPeak, type MemoryPeak } from '../ops/engine/memory_peak';
export { recompute } from '../ops/engine/recompute';
