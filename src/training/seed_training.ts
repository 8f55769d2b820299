/** Randomness of training steps from a seed and the step's number. */
import type * as tfl from '@tensorflow/tfjs-layers';

/**
 * Lets everything that `model.fit`, `fitDataset` and `trainOnBatch` draw in a step of a model (stochastic
 * depth, dropout, tfjs's own layers without a seed of theirs included) depend on the seed and the
 * number of steps that its optimizer has taken, and on nothing else: a run that is resumed draws what it
 * would have drawn.
 *
 * @param seed an integer from 0; null: steps draw from `Math.random` again
 * @throws {Error} when the model is none or the seed no integer from 0
 */
export function seedTraining(model: tfl.LayersModel, seed: number | null): void {
  throw new Error(`seedTraining: not there yet (${model.name}, ${seed})`);
}
