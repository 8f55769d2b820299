/** Labels as shares of classes. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireInteger, show } from '../common/arguments';
import { oneHot, requireClasses } from '../ops/class_ids';

/**
 * Labels of a batch: classes from 0 (a list, or a tensor `[batch]`), or shares of classes, such as one-hot vectors
 * (a tensor `[batch, classes]`).
 */
export type Labels = tf.Tensor | readonly number[] | Int32Array | Uint8Array;

/** What labels become. */
export interface LabelOptions {
  /** Number of classes; needed for labels that are integers. */
  numClasses?: number;
  /**
   * Share of each label that is spread evenly over all classes, in [0, 1) (Szegedy et al. 2016, arXiv 1512.00567).
   * Default 0.
   */
  labelSmoothing?: number;
}

const EXPECTED = 'a list or tensor [batch] of integers, or a tensor [batch, classes] of shares';

/**
 * Asserts the labels of a batch.
 *
 * @returns the number of classes
 * @throws {Error} when their shape or number does not fit, or one is no class
 */
export function requireLabels(
  owner: string,
  labels: unknown,
  batch: number,
  { numClasses, labelSmoothing = 0 }: LabelOptions,
): number {
  if (numClasses !== undefined) requireInteger(owner, 'numClasses', numClasses, 1);
  const isRate = typeof labelSmoothing === 'number' && labelSmoothing >= 0 && labelSmoothing < 1;
  requireArgument(owner, 'labelSmoothing', labelSmoothing, isRate, 'a number in [0, 1)');
  const isList = Array.isArray(labels) || ArrayBuffer.isView(labels);
  requireArgument(owner, 'labels', labels, labels instanceof tf.Tensor || isList, EXPECTED);
  const given = labels as Labels;
  const shape: number[] = given instanceof tf.Tensor ? given.shape : [given.length];
  if ((shape.length !== 1 && shape.length !== 2) || shape[0] !== batch) {
    throw new Error(
      `${owner}: labels of shape ${show(shape)} for ${batch} images; expected ${EXPECTED}`,
    );
  }
  if (shape.length === 2) {
    const [, classes] = shape as [number, number];
    if (numClasses === undefined || numClasses === classes) return classes;
    throw new Error(
      `${owner}: labels of shape ${show(shape)} have ${classes} classes; numClasses is ${numClasses}`,
    );
  }
  if (numClasses === undefined) {
    throw new Error(`${owner}: numClasses is missing; labels that are integers do not tell it`);
  }
  requireClasses(owner, 'a label', given, numClasses);
  return numClasses;
}

/**
 * Checked labels as shares of classes, float32 `[batch, classes]`, smoothed: `y * (1 - s) + s / classes`. To be called
 * inside of a tidy.
 */
export function softLabels(labels: Labels, classes: number, smoothing: number): tf.Tensor2D {
  const given = labels instanceof tf.Tensor ? labels : tf.tensor1d(Array.from(labels), 'int32');
  const isSoft = given.rank === 2;
  const y = isSoft
    ? (tf.cast(given, 'float32') as tf.Tensor2D)
    : oneHot(tf.cast(given, 'int32') as tf.Tensor1D, classes);
  return smoothing === 0 ? y : tf.add(tf.mul(y, 1 - smoothing), smoothing / classes);
}
