/** How often each class was taken for which. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireInteger } from '../common/arguments';
import { isClass, oneHot, requireClasses } from '../ops/class_ids';
import { readsAtOnce } from '../ops/engine/read_at_once';

const OWNER = 'confusionMatrix';

/** Examples that are counted at a time: counts are exact in float32 up to 2 ** 24, and one-hot vectors large. */
const CHUNK = 1 << 16;

/** Class numbers. */
type Classes = tf.Tensor1D | ArrayLike<number>;

/**
 * Counts how often each class was taken for which, as `tf.math.confusionMatrix`, but on every backend
 * (tfjs's own needs a product of integers, which wasm lacks), exact for any number of examples, and with
 * class numbers out of range refused, which tfjs's own leaves out of the count.
 *
 * @param labels the true classes, `[examples]`, int32 or whole numbers in float32, or numbers
 * @param predictions the predicted classes, in the same form
 * @param numClasses number of classes, from 1
 * @returns `[numClasses, numClasses]`, int32: row = true class, column = predicted class. All of it is -1
 *   where a class number is out of range and reading the numbers would wait for the device (webgl, webgpu)
 * @throws {Error} when the lengths differ or `numClasses` is out of range; on other backends, and for
 *   numbers that are no tensor, when a class number is out of range
 */
export function confusionMatrix(
  labels: Classes,
  predictions: Classes,
  numClasses: number,
): tf.Tensor2D {
  requireInteger(OWNER, 'numClasses', numClasses, 1);
  for (const [name, classes] of Object.entries({ labels, predictions })) {
    const { length, rank } = (classes ?? {}) as { length?: unknown; rank?: unknown };
    const isList = typeof classes === 'object' && typeof length === 'number';
    const fits = classes instanceof tf.Tensor ? rank === 1 : isList;
    requireArgument(OWNER, name, classes, fits, 'class numbers, one per example');
  }
  const [rows, columns] = [countOf(labels), countOf(predictions)];
  if (rows !== columns) {
    throw new Error(
      `${OWNER}: ${rows} labels and ${columns} predictions; expected one prediction per label`,
    );
  }
  requireClasses(OWNER, 'a label', labels, numClasses);
  requireClasses(OWNER, 'a prediction', predictions, numClasses);
  return tf.tidy(() => counted(toIds(labels), toIds(predictions), numClasses));
}

function countOf(classes: Classes): number {
  return classes instanceof tf.Tensor ? classes.size : classes.length;
}

function toIds(classes: Classes): tf.Tensor1D {
  if (classes instanceof tf.Tensor) return tf.cast(classes, 'int32');
  return tf.tensor1d(Int32Array.from(classes), 'int32');
}

function counted(labels: tf.Tensor1D, predictions: tf.Tensor1D, classes: number): tf.Tensor2D {
  let total: tf.Tensor2D = tf.zeros([classes, classes], 'int32');
  for (let start = 0; start < labels.size; start += CHUNK) {
    const next = tf.tidy(() => {
      const size = Math.min(CHUNK, labels.size - start);
      const hot = (ids: tf.Tensor1D) => oneHot(tf.slice(ids, start, size), classes);
      const counts = tf.matMul(tf.transpose(hot(labels)), hot(predictions));
      return tf.add<tf.Tensor2D>(total, tf.cast(tf.round(counts), 'int32'));
    });
    total.dispose();
    total = next;
  }
  if (readsAtOnce() || labels.size === 0) return total;
  const inside = tf.logicalAnd(isClass(labels, classes), isClass(predictions, classes));
  return tf.where(tf.all(inside), total, tf.fill([classes, classes], -1, 'int32'));
}
