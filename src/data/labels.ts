/** Labels as tensors and lists, to numbers of classes. */
import type * as tf from '@tensorflow/tfjs-core';

import { shown } from '../common/arguments';

/** Numbers of classes, from 0: a list, typed array or tensor `[examples]`; or one-hot `[examples, classes]`. */
export type ClassLabels = tf.Tensor | ArrayLike<number>;

/** Whether something is a tensor, of whatever copy of tfjs. */
export function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value && 'shape' in value;
}

/**
 * Reads labels, without waiting where no tensor is given.
 *
 * @returns the class of each example; of one-hot rows and of probabilities the most likely, the first of
 *   several
 * @throws {Error} when they are neither whole numbers of 32 bits nor of such a shape, or a row is 0 throughout
 */
export async function readLabels(owner: string, labels: ClassLabels): Promise<Int32Array> {
  if (!isTensor(labels)) return integers(owner, labels);
  const [count = 0, width = 1] = labels.shape;
  if (labels.rank < 1 || labels.rank > 2) {
    throw new Error(
      `${owner}: labels are ${shown(labels)}; expected numbers of classes [examples] or one-hot rows ` +
        '[examples, classes]',
    );
  }
  const values = await labels.data();
  if (width === 1) return integers(owner, values);
  return Int32Array.from({ length: count }, (_, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    let best = 0;
    for (let c = 1; c < width; c++) if ((row[c] as number) > (row[best] as number)) best = c;
    if ((row[best] as number) > 0) return best;
    throw new Error(
      `${owner}: labels have a row without a class, that of example ${i}; expected one-hot rows, or ` +
        'numbers of classes [examples]',
    );
  });
}

/**
 * Numbers of classes as int32, of which none wraps around.
 *
 * @param nameOf says which label it is
 * @throws {Error} for the first that is no whole number, or one beyond int32
 */
export function classIds(
  owner: string,
  labels: ArrayLike<number>,
  nameOf: (position: number) => string,
): Int32Array {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    // What is left of it as int32.
    if (typeof label === 'number' && (label | 0) === label) continue;
    throw new Error(
      `${owner}: ${nameOf(i)} is ${shown(label)}; expected the number of a class, a whole number from 0`,
    );
  }
  return Int32Array.from(labels);
}

function integers(owner: string, given: ArrayLike<number>): Int32Array {
  const fits =
    typeof given === 'object' &&
    given !== null &&
    Number.isInteger((given as { length?: unknown }).length);
  if (!fits) {
    throw new Error(
      `${owner}: labels are ${shown(given)}; expected the class of each example, from 0: a list, a typed ` +
        'array, or a tensor',
    );
  }
  return classIds(owner, given, (i) => `label ${i}`);
}
