/** Hears of what tfjs does to a layer's `trainable` where tfjs itself tells the layer nothing. */
import type * as tfl from '@tensorflow/tfjs-layers';

type Layer = tfl.layers.Layer;

/**
 * Calls `onSet` when the model that a layer is in sets its `trainable`. A model tells its layers
 * nothing: it walks the list of the weights that each has by itself and sets their flags, so weights
 * of sublayers keep theirs and `optimizer.minimize` goes on moving them. The walk over the list is
 * all there is to see; it leaves the flags of the weights as they were, which say what was frozen one
 * by one.
 *
 * @param weights the layer's own list, `_trainableWeights`
 */
export function onModelTrainable(
  weights: tfl.LayerVariable[],
  onSet: (trainable: boolean) => void,
): void {
  Object.defineProperty(weights, 'forEach', {
    configurable: true,
    writable: true,
    value: (visit: (w: tfl.LayerVariable, i: number, all: tfl.LayerVariable[]) => void) => {
      const before = weights.map((w) => w.trainable);
      let set: boolean | undefined;
      const probe = {
        set trainable(value: boolean) {
          set = value;
        },
      };
      for (const [i, w] of weights.entries()) visit(w, i, weights);
      try {
        visit(probe as tfl.LayerVariable, weights.length, weights);
      } catch {
        return; // Whoever this is, it sets no flags.
      }
      if (set === undefined) return;
      for (const [i, w] of weights.entries()) w.trainable = before[i] as boolean;
      onSet(set);
    },
  });
}

/** Calls `onSet` after somebody has set the `trainable` of a layer of another's class. */
export function onTrainable(layer: Layer, onSet: () => void): void {
  let owner: object | null = layer;
  let own: PropertyDescriptor | undefined;
  while (owner && !own) {
    own = Object.getOwnPropertyDescriptor(owner, 'trainable');
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  const { get, set } = own ?? {};
  if (!get || !set) return;
  Object.defineProperty(layer, 'trainable', {
    configurable: true,
    get: () => get.call(layer) as boolean,
    set: (value: boolean) => {
      set.call(layer, value);
      onSet();
    },
  });
}
