/** Copies of models for plans: as they are configured, with weights shared where those of the model are. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/**
 * Looks at a model.
 *
 * @returns what makes a copy of it, in whatever engine is current then
 */
export function copyMaker(model: tfl.LayersModel): () => tfl.LayersModel {
  // Read now: what a layer says of itself may ask for its weights.
  const config = model.getConfig() as tf.serialization.ConfigDict;
  const cls = model.constructor as tf.serialization.SerializableConstructor<tfl.LayersModel>;
  const { weights } = model;
  const first = weights.map((weight) => weights.indexOf(weight));
  return () => {
    const copy = cls.fromConfig(cls, config) as tfl.LayersModel;
    // A configuration tells a layer of a nested model and outside of it as two.
    const copies = copy.weights;
    copies.forEach((weight, i) => {
      const shared = copies[first[i] ?? i];
      if (shared && shared !== weight) share(weight, shared);
    });
    return copy;
  };
}

/** Makes a weight another name of one that is there. */
function share(weight: tfl.LayerVariable, known: tfl.LayerVariable): void {
  (weight.read() as tf.Variable).dispose();
  (weight as unknown as { val: tf.Variable }).val = known.read() as tf.Variable;
}
