/** All that a run will do, whatever is trained. */
import type { TrainedParts } from './defaults';
import type { Phase } from './phases';
import type { TrainedTask } from './rate_groups';
import type { Sampler } from './sampler';

/** How a step is computed. */
export interface StepForm {
  readonly train: TrainedParts;
  /** Examples that are computed at once. */
  readonly part: number;
  /** Parts of a step; the optimizer is fused where there is one. */
  readonly parts: number;
  /** Bytes that a step is expected to take at its peak; undefined where nobody asked. */
  readonly plannedBytes?: number;
}

/** What a run will do. */
export interface RunPlan {
  readonly task: TrainedTask;
  readonly form: StepForm;
  readonly batch: number;
  readonly epochs: number;
  readonly phases: readonly Phase[];
  readonly sampler: Sampler;
  readonly layerDecay: number;
  readonly weightDecay: number;
  readonly emaDecay: number | null;
  readonly patience: number | null;
  readonly seed: number;
  /** Whether the model is evaluated after each epoch. */
  readonly isValidated: boolean;
  /** By what the run can be told from another one, plain JSON. */
  readonly settings: Readonly<Record<string, unknown>>;
}
