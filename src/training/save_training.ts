/** Saving a training: all that the next step depends on, as one file. */
import type { TrainingTarget, TrainingToSave } from './saved_training';

/**
 * Saves all that the next step of training depends on, so that a run that is stopped and resumed ends
 * with the weights, to the bit, that it has without the stop.
 *
 * Written beside its target first, and put in its place when it is whole and on the disk: whenever
 * the process dies, the target holds what was saved before or what was saved now. Memory: the largest
 * tensor (and the whole file for a `Blob` or IndexedDB, where the browser keeps it there).
 *
 * @param target a path in Node, `'indexeddb://NAME'` in browsers; null for a `Blob`
 * @throws {Error} when a part is none, or `extra` is not plain JSON
 * @throws {CheckpointError} 'io' when it cannot be written, and what was there is as it was; 'unsupported'
 *   when there is no such place here
 */
export async function saveTraining(target: TrainingTarget, training: TrainingToSave): Promise<void>;
export async function saveTraining(target: null, training: TrainingToSave): Promise<Blob>;
export async function saveTraining(
  target: TrainingTarget | null,
  training: TrainingToSave,
): Promise<Blob | void> {
  throw new Error(`saveTraining: not there yet (${typeof target}, ${typeof training})`);
}
