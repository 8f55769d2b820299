/** Loading a training that was saved, and looking at one. */
import type {
  SavedTraining,
  TrainingParts,
  TrainingSource,
  TrainingTarget,
} from './saved_training';

/** Options of `loadTraining`. */
export interface LoadTrainingOptions {
  /**
   * Whether the optimizer must have been made with the arguments of the one that was saved:
   * `'same'`, or `'any'`, and then its own count. The learning rate is state, which is loaded, and
   * `fused` makes no difference. Default `'same'`.
   */
  hyperparameters?: 'same' | 'any';
}

/**
 * Goes on from what `saveTraining` has saved: gives the model, the optimizer and what else there is
 * the state that those had. Everything is checked before anything changes.
 *
 * @param source a path (Node) or `'indexeddb://NAME'`; or a URL, a `Blob`, bytes
 * @returns what was saved beside the parts
 * @throws {CheckpointError} 'mismatch' when the parts are not like those that were saved, and the message
 *   says what differs; 'io' when there is none, 'format' when it is something else, 'corrupt' when it is
 *   damaged
 */
export async function loadTraining(
  source: TrainingSource,
  parts: TrainingParts,
  options: LoadTrainingOptions = {},
): Promise<SavedTraining> {
  throw new Error(`loadTraining: not there yet (${typeof source}, ${typeof parts}, ${typeof options})`);
}

/**
 * What is saved at a place, without loading it.
 *
 * @returns null where there is nothing
 * @throws {CheckpointError} 'format' when it is something else, 'corrupt' when it is damaged
 */
export async function savedTraining(target: TrainingTarget): Promise<SavedTraining | null> {
  throw new Error(`savedTraining: not there yet (${typeof target})`);
}

/** Removes what is saved at a place, if there is something. */
export async function removeTraining(target: TrainingTarget): Promise<void> {
  throw new Error(`removeTraining: not there yet (${typeof target})`);
}
