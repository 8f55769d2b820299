/** Class numbers as labels: whether they are in range, looked at where that costs nothing. */
import * as tf from '@tensorflow/tfjs-core';

import { readsAtOnce } from '../ops/engine/read_at_once';

/** Whether each is a number of one of so many classes, bool, of the ids' shape. */
export function isClass(ids: tf.Tensor, classes: number): tf.Tensor {
  return tf.logicalAnd(tf.greaterEqual(ids, 0), tf.less(ids, classes));
}

/**
 * Asserts ids from 0 to `classes - 1`, where looking at them costs nothing.
 *
 * @param what what one of them is, with its article
 * @param ignored one that may be outside
 * @throws {Error} on backends whose values can be read at once
 */
export function requireClasses(
  owner: string,
  what: string,
  ids: tf.Tensor | ArrayLike<number>,
  classes: number,
  ignored: { option: string; id: number } | null = null,
): void {
  const values = ids instanceof tf.Tensor ? (readsAtOnce() ? ids.dataSync() : []) : ids;
  for (const id of Array.from(values)) {
    if (id === ignored?.id || (Number.isInteger(id) && id >= 0 && id < classes)) continue;
    throw new Error(
      `${owner}: ${what} is ${id}; expected integers from 0 to ${classes - 1}` +
        (ignored == null ? '' : `, or ${ignored.option} ${ignored.id}`),
    );
  }
}
