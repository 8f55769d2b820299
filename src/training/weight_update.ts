/** The update of one weight: what it starts from, what it gives, and writing that down. */
import * as tf from '@tensorflow/tfjs-core';

import type { Slots, WeightState } from './weight_states';

/** What the update of one weight starts from. */
export interface WeightUpdate {
  variable: tf.Variable;
  /** Clipped, where clipping is on. */
  gradient: tf.Tensor;
  /** What is kept for the weight; not there in its first step. */
  slots: Slots | undefined;
  /** Which of the weight's steps this is, from 1. */
  step: number;
  /** Learning rate of this weight. */
  rate: number;
  /** Factor of the learning rate in it. */
  rateScale: number;
  /** Weight decay of this weight. */
  decay: number;
}

/** What the update of one weight gives. */
export interface UpdatedWeight {
  value: tf.Tensor;
  /** What is kept for it; the same tensors in every step. */
  slots: Slots<tf.Tensor>;
}

/**
 * A weight after its decay.
 *
 * @param kept the factor that decay leaves of it
 */
export function decayed(variable: tf.Variable, kept: number): tf.Tensor {
  return kept === 1 ? variable : tf.mul(variable, kept);
}

/** Writes a new weight and what is kept for it. What can fail has been done by now. */
export function assignAll(
  variable: tf.Variable,
  state: WeightState,
  { value, slots }: UpdatedWeight,
): void {
  const entries = Object.entries(slots);
  if (state.slots) {
    for (const [suffix, tensor] of entries) state.slots[suffix]?.assign(tensor);
  } else if (entries.length > 0) {
    state.slots = Object.fromEntries(entries.map(([s, tensor]) => [s, tf.variable(tensor, false)]));
  }
  variable.assign(value);
}
