/** Class numbers as rows of zeros with a one. */
import * as tf from '@tensorflow/tfjs-core';

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
