/** A run from its beginning, or from where it was stopped, to its end; after a failure everything is as before. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { present } from '../../common/model_metadata';
import { distinctVariables } from '../../training/model_variables';
import type { RunPlan } from '../base/plan';
import type { Job, StepBatch } from './job';
import type { Progress, StopReason } from './progress';
import { Run, type RunOptions } from './run';
import { PartsSwitch } from './trained_parts';
import {
  placesIn,
  requireSame,
  type SavedRun,
  savedRun,
  type TrainingPlaces,
} from './training_files';
import { WeightCopies } from './weight_copies';

/** Where a run is saved, and what is there. */
export interface OpenedPlaces {
  /** Null where it is not to be saved. */
  readonly places: TrainingPlaces | null;
  /** The run to go on with; null where one begins. */
  readonly goesOn: SavedRun | null;
}

/**
 * Looks at where a run is to be saved.
 *
 * @throws {Error} when a run that is not finished is there, and not to be gone on with
 */
export async function openPlaces(
  owner: string,
  { saveTo, resume }: { saveTo?: string; resume?: boolean },
): Promise<OpenedPlaces> {
  if (saveTo === undefined) return { places: null, goesOn: null };
  const places = placesIn(saveTo);
  const saved = await savedRun(owner, places.last);
  if (saved && !resume && saved.progress.stopped === null) {
    throw new Error(
      `${owner}: ${places.last} holds a training that is not finished; go on with it by resume: true, or ` +
        `give another place`,
    );
  }
  return { places, goesOn: resume ? saved : null };
}

/** A model to be trained. */
export interface Trainee {
  readonly model: tfl.LayersModel;
  /** Layers that are trained in every phase. */
  readonly head: readonly tfl.layers.Layer[];
  /** Whether it was made here, so that nobody else has it. */
  readonly isOwned: boolean;
  /** What is saved with it. */
  readonly metadata: object;
}

/** What came of a run. */
export interface Completed<Result> {
  readonly progress: Progress<Result> & { readonly stopped: StopReason };
  /** Numbers in the weights that were trained in the last phase. */
  readonly trainedParameters: number;
}

/**
 * Runs to the end, with the best weights in the model.
 *
 * @throws what the run throws; a model that was given has the weights it had then
 */
export async function completeRun<Batch extends StepBatch, Result>(
  owner: string,
  { model, head, isOwned, metadata }: Trainee,
  job: Job<Batch, Result>,
  plan: RunPlan,
  options: RunOptions,
  { places, goesOn }: OpenedPlaces,
): Promise<Completed<Result>> {
  if (goesOn && places) requireSame(owner, places.last, goesOn.settings, plan.settings);
  const parts = new PartsSwitch(model, head);
  let run: Run<Batch, Result> | undefined;
  let before: WeightCopies | undefined;
  try {
    // Now, so that adapters are among the weights.
    parts.train(plan.form.train, options.adapters, plan.seed);
    if (!isOwned) {
      const given = new WeightCopies(parts.changing);
      await given.take();
      before = given;
    }
    run = new Run(owner, job, plan, parts, options, places);
    if (goesOn && places) await run.load(places.last, goesOn.progress);
    await run.go();
    const progress = run.progress as Completed<Result>['progress'];
    const trainedParameters = distinctVariables(model.trainableWeights).reduce(
      (sum, { size }) => sum + size,
      0,
    );
    run.dispose();
    parts.finish();
    // tfjs takes nothing that is undefined, and would say so after all of the training.
    model.setUserDefinedMetadata(present(metadata));
    return { progress, trainedParameters };
  } catch (error) {
    before?.put();
    run?.dispose();
    parts.undo();
    throw error;
  }
}
