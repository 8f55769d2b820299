/** The variables of a model's weights, each once. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/**
 * The variables of weights in their order, each once: a model lists those of a layer that stands both in a
 * nested model and outside of it for each place.
 *
 * @param weights such as `model.weights` and `model.trainableWeights`
 */
export function distinctVariables(weights: readonly tfl.LayerVariable[]): tf.Variable[] {
  return [...new Set(weights.map((weight) => weight.read() as tf.Variable))];
}
