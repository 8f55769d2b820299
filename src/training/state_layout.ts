/** What an optimizer keeps for a weight: which tensors, and how they tell the weight's shape. */
import type * as tf from '@tensorflow/tfjs-core';

import type { Slots } from './weight_states';

/** One of the forms that the state of a weight can have. */
export interface StateForm {
  /** What the saved names of the tensors end with, and their dtypes. */
  dtypes: Readonly<Record<string, tf.DataType>>;
  /** The weight's shape; null where the tensors do not fit each other. */
  weightShape(slots: Slots<tf.Tensor>): number[] | null;
}

/** The states of an optimizer. */
export interface StateLayout {
  /** The optimizer's public name, for messages. */
  owner: string;
  /** Which forms there are; no two have the same tensors. */
  forms: readonly StateForm[];
}

/** A form of float32 tensors that all have the weight's shape. */
export function alikeForm(...suffixes: [string, ...string[]]): StateForm {
  return {
    dtypes: Object.fromEntries(suffixes.map((suffix) => [suffix, 'float32'])),
    weightShape: (slots) => {
      const shapes = suffixes.map((suffix) => slots[suffix]?.shape ?? []);
      return shapes.every((shape) => shape.join() === shapes[0]?.join()) ? (shapes[0] ?? []) : null;
    },
  };
}
