/** What every kind of fine-tuning tells of its run. */
import type { SkippedExample } from '../../data/example_source';
import type { TrainingHistory } from '../../evaluation/training_history';
import type { RunPlan } from '../base/plan';
import type { Completed, OpenedPlaces } from './complete_run';
import type { StopReason } from './progress';
import type { TrainingPlaces } from './training_files';

/** How a training went. */
export interface RunFacts {
  /** What was measured as it went, for charts and `report.html`. */
  history: TrainingHistory;
  /** Numbers in the weights that were trained in the last phase. */
  trainedParameters: number;
  /** Steps taken. */
  steps: number;
  /** Seconds of all runs together. */
  seconds: number;
  /** Why training ended. */
  stopped: StopReason;
  /** By what it was trained, where nothing was said too; plain JSON. */
  settings: Readonly<Record<string, unknown>>;
  /** Where it is saved; null where it was not to be. */
  places: TrainingPlaces | null;
  /** Examples to train on that were left out by `onError: 'skip'`; those for validation: `evaluation.skipped`. */
  skipped: readonly SkippedExample[];
}

/** The facts of a run that is over. */
export function factsOf(
  { progress, trainedParameters }: Completed<unknown>,
  { settings }: RunPlan,
  { places }: OpenedPlaces,
): RunFacts {
  const { history, step, seconds, stopped, skipped = [] } = progress;
  return { history, trainedParameters, steps: step, seconds, stopped, settings, places, skipped };
}
