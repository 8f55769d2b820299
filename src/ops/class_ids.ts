/** Class numbers as labels: whether they are in range, and as rows of zeros with a one. */
import * as tf from '@tensorflow/tfjs-core';

import { shown } from '../common/arguments';
import { readsAtOnce } from './engine/read_at_once';

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
      `${owner}: ${what} is ${shown(id)}; expected integers from 0 to ${classes - 1}` +
        (ignored == null ? '' : `, or ${ignored.option} ${ignored.id}`),
    );
  }
}

/**
 * `tf.oneHot` that also takes a single class, which tfjs's refuses. To be called inside of a tidy.
 *
 * @param ids class numbers `[n]`, int32; one out of range gives a row of zeros
 * @param classes their number, from 1
 * @returns float32 `[n, classes]`
 */
export function oneHot(ids: tf.Tensor1D, classes: number): tf.Tensor2D {
  const hot =
    classes === 1 ? tf.expandDims(tf.equal(ids, 0), 1) : tf.oneHot(ids, classes, 1, 0, 'int32');
  return tf.cast(hot, 'float32') as tf.Tensor2D;
}
