/** Who takes the gradients of weights from a node of the tape while the node is at work. */
import type * as tf from '@tensorflow/tfjs-core';

/** Takes gradients as soon as they are there, where nothing will need the weight any more. */
export interface WeightTaker {
  /**
   * @param gradient becomes the taker's if it is taken
   * @param place where in the node the weight was read, as given to `atPlace` in the forward pass
   * @returns whether it was; else the node hands it over at its end, as always
   */
  take(variable: tf.Variable, gradient: tf.Tensor, place: string): boolean;
}

let current: WeightTaker | null = null;

/** The taker for the node that is being differentiated; null where there is none. */
export function weightTaker(): WeightTaker | null {
  return current;
}

/** Runs `fn` with a taker, or with none: gradients within gradients keep theirs. */
export function withWeightTaker<T>(taker: WeightTaker | null, fn: () => T): T {
  const outer = current;
  current = taker;
  try {
    return fn();
  } finally {
    current = outer;
  }
}
