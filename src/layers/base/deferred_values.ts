/** Weights whose initial values are drawn only where nothing else sets them. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { takeUp } from '../../ops/engine/take_up';

type Initializer = ReturnType<typeof tfl.initializers.zeros>;

interface Deferred {
  weight: tfl.LayerVariable;
  initializer: Initializer;
  /** Identity of the zeros that it has meanwhile. */
  dataId: object;
}

let list: Deferred[] | null = null;

/** Makes a weight by `make`, with zeros in place of its initial values while these are deferred. */
export function withInitialValues(
  initializer: Initializer,
  make: (initializer: Initializer) => tfl.LayerVariable,
): tfl.LayerVariable {
  if (!list) {
    const weight = make(initializer);
    takeUp(weight['val']);
    return weight;
  }
  const weight = make(tfl.initializers.zeros());
  list.push({ weight, initializer, dataId: weight['val'].dataId });
  return weight;
}

/**
 * Runs `fn`, which makes layers of this package whose weights are about to be loaded.
 *
 * @returns what `fn` gives, and `drawRest`, which draws the values of the weights that nobody has set by
 *   then, one at a time
 */
export function deferringValues<T>(fn: () => T): { result: T; drawRest: () => void } {
  const deferred: Deferred[] = [];
  const before = list;
  list = deferred;
  try {
    const result = fn();
    const drawRest = () => {
      for (const { weight, initializer, dataId } of deferred) {
        if (weight['val'].dataId !== dataId) continue;
        tf.tidy(() => {
          weight.write(initializer.apply(weight.shape, 'float32'));
        });
        takeUp(weight['val']);
      }
    };
    return { result, drawRest };
  } finally {
    list = before;
  }
}
