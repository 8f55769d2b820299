/** Features as what similarities are computed from: centred over the examples, scaled, as Gram matrices. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, show, shown } from '../common/arguments';
import { matMul2d } from '../ops/mat_mul';

/** Features of some examples, centred and of a size that float32 can square. To be called inside of a tidy. */
export interface Centred {
  /** `[examples, features]`: the given ones less their mean, divided by `scale`. */
  values: tf.Tensor2D;
  /** What they were divided by; 0 where no feature varies. */
  scale: tf.Scalar;
}

/**
 * Asserts features that have numbers for some examples.
 *
 * @param least examples that there must be
 * @throws {Error} when they are none, are no numbers, or of too few examples
 */
export function requireFeatures(owner: string, name: string, x: unknown, least: number): void {
  const isTensor = x instanceof tf.Tensor;
  requireArgument(owner, name, x, isTensor, 'features, a tensor [examples, ...]');
  const { rank, shape, dtype, size } = x as tf.Tensor;
  const isNumeric = dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
  if (rank >= 1 && isNumeric && (shape[0] as number) >= least && size > 0) return;
  throw new Error(
    `${owner}: ${name} is ${shown(x)} of ${dtype}; expected numbers [examples, ...] of at least ${least} ` +
      `examples`,
  );
}

/**
 * Asserts that two sets of features are of the same examples.
 *
 * @throws {Error} when their numbers differ
 */
export function requireSameExamples(
  owner: string,
  [nameOfX, x]: readonly [string, tf.Tensor],
  [nameOfY, y]: readonly [string, tf.Tensor],
): void {
  if (x.shape[0] === y.shape[0]) return;
  throw new Error(
    `${owner}: ${nameOfX} has ${x.shape[0]} examples, shape ${show(x.shape)}, and ${nameOfY} has ` +
      `${y.shape[0]}, shape ${show(y.shape)}; expected features of the same examples`,
  );
}

/**
 * Centres features over the examples. What no example differs in becomes exactly 0: the first example is
 * subtracted before the mean is, of which a rounding error would be left.
 *
 * @param x `[examples, ...]`, of whatever type
 */
export function centred(x: tf.Tensor): Centred {
  const flat = tf.reshape(tf.cast(x, 'float32'), [x.shape[0] as number, -1]) as tf.Tensor2D;
  const shifted = tf.sub(flat, tf.slice(flat, [0, 0], [1, -1]));
  const around = tf.sub(shifted, tf.mean(shifted, 0, true));
  const scale = tf.mul(tf.max(tf.abs(around)), Math.sqrt(flat.shape[1])) as tf.Scalar;
  const divisor = tf.add(scale, tf.cast(tf.equal(scale, 0), 'float32'));
  return { values: tf.div(around, divisor) as tf.Tensor2D, scale };
}

/** Products of all pairs of examples, `[examples, examples]`. */
export function gramOf(values: tf.Tensor2D): tf.Tensor2D {
  return matMul2d(values, values, false, true);
}

/**
 * A Gram matrix whose products with others are unbiased (Szekely and Rizzo 2014, arXiv 1310.2926, definition 2):
 * without its diagonal, and centred so that this takes nothing away. The sum of the products of two of them,
 * divided by n (n - 3), is the estimator of HSIC of Song et al. 2012 (JMLR 13, equation 5).
 *
 * It is 0 of features by which no two pairs of examples can be told apart: where none or only one example differs,
 * or all are orthogonal, as one-hot labels of which no two are equal. Where what is left may be rounding alone, it
 * becomes exactly 0.
 *
 * @param values `[n, features]` as `centred` makes them, n from 4
 */
export function unbiasedGram(values: tf.Tensor2D): tf.Tensor2D {
  const [n, p] = values.shape;
  const gram = gramOf(values);
  const self = tf.eye(n);
  const others = tf.sub(1, self);
  const outside = tf.mul(gram, others);
  const means = tf.div(tf.sum(outside, 1, true), n - 2);
  const mean = tf.div(tf.sum(means), n - 1);
  const around = tf.add(tf.sub(tf.sub(outside, means), tf.transpose(means)), mean);
  const centredTwice = tf.mul(around, others) as tf.Tensor2D;
  const noise = roundingOf(tf.sum(tf.mul(gram, self), 1), n, p);
  // In this form NaN stays NaN.
  const isNoise = tf.cast(tf.lessEqual(tf.sum(tf.square(centredTwice)), noise), 'float32');
  return tf.mul(centredTwice, tf.sub(1, isNoise));
}

/** The distance of 1 from the next larger number of float32. */
const EPSILON = 2 ** -23;

/**
 * The largest squared norm that rounding alone gives to what an unbiased Gram matrix consists of.
 *
 * An entry, the product of p numbers each of examples i and j, is off by some epsilon |x_i| |x_j| for each rounding.
 * These are up to n times that from the sums of n numbers that are subtracted (the mean of the features, and those of
 * the rows), and about sqrt(p) from adding up the products, whose errors have either sign. Off the diagonal, the
 * squares of that add up to (epsilon (n + sqrt(p)))^2 times the sum of |x_i|^2 |x_j|^2 over all pairs.
 *
 * @param squares `[n]`: |x_i|^2, the diagonal of the Gram matrix
 */
function roundingOf(squares: tf.Tensor, n: number, p: number): tf.Tensor {
  const pairs = tf.sum(tf.mul(squares, tf.sub(tf.sum(squares), squares)));
  return tf.mul(pairs, (EPSILON * (n + Math.sqrt(p))) ** 2);
}
