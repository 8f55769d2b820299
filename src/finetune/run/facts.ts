/** What every kind of fine-tuning tells of its run. */
import type { SkippedExample } from '../../data/example_source';
import type { TrainingHistory } from '../../evaluation/training_history';
import type { FineTuneEpoch } from '../base/events';
import type { RunPlan } from '../base/plan';
import type { Completed, OpenedPlaces } from './complete_run';
import type { StopReason } from './progress';
import type { TrainingPlaces } from './training_files';

/** How a training went. */
export interface RunFacts {
  /**
   * What was measured as it went, for charts and `report.html`: a point every few steps, 500 at most, and one at the end of
   * every epoch, which alone has what the examples for validation told.
   */
  history: TrainingHistory;
  /**
   * An entry for each epoch, as `onEpoch` was told. Of a training that an older version has begun, those since it was resumed.
   */
  epochHistory: readonly FineTuneEpoch[];
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
  const { history, epochHistory = [], step, seconds, stopped, skipped = [] } = progress;
  return {
    ...{ history, epochHistory, trainedParameters, steps: step, seconds },
    ...{ stopped, settings, places, skipped },
  };
}
