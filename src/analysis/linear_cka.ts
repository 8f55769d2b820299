/** Linear CKA of two sets of features that fit in memory. */
import * as tf from '@tensorflow/tfjs-core';

import { requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { matMul2d } from '../ops/mat_mul';
import { centred, gramOf, requireFeatures, requireSameExamples, unbiasedGram } from './centred';

/** Options of `linearCKA`. */
export interface LinearCKAOptions {
  /**
   * `'biased'` (default): as Kornblith et al. define it, in 0..1, and too high where there are few examples for
   * many features. `'unbiased'`: of the unbiased estimates of HSIC, which of unrelated features is around 0,
   * sometimes a little below; from 4 examples. Undefined, and an error, where it is 0 of one with itself, but for
   * what rounding leaves: where only one example differs from the others, or all differ alike, as in one-hot labels
   * of which no two are the same.
   */
  estimator?: 'biased' | 'unbiased';
}

const OPTIONS: OptionNames<LinearCKAOptions> = { estimator: true };
const OWNER = 'linearCKA';

/** What is said of features that have nothing in common with themselves. */
const UNDEFINED: Record<'biased' | 'unbiased', (examples: number) => string> = {
  biased: (examples) =>
    `is the same for all ${examples} examples, of which no similarity is defined; give examples that differ in it`,
  unbiased: (examples) =>
    `has an unbiased HSIC of 0 with itself, so that no similarity is defined: of the ${examples} examples at most ` +
    'one differs from the others in it, or all differ alike, as one-hot labels of which no two are the same; ' +
    "give more examples, or estimator: 'biased'",
};

/**
 * How similar two sets of features of the same examples are: linear centred kernel alignment (Kornblith et al.
 * 2019, arXiv 1905.00414, section 3). With the columns of X and Y centred,
 *
 *     CKA(X, Y) = ||Y'X||^2 / (||X'X|| ||Y'Y||)    (Frobenius norms)
 *
 * It is 1 for features that an orthogonal transform, scaling and shifting make equal, and 0 for those of which no
 * linear function of one correlates with any of the other. For sets that do not fit in memory see `MinibatchCKA`.
 *
 * @param x `[examples, ...]`, from 2 examples, of any numbers; axes but the first are flattened. Stays the caller's
 * @param y `[examples, ...]`; any other shape. Class numbers are no features: give them one-hot
 * @throws {Error} when one is no such tensor, their examples are not as many, one of them does not vary over the
 *   examples, or not in a way that the unbiased estimator sees (nothing is defined then), or has NaN or Infinity
 *
 * @example
 * const similar = await linearCKA(features, tf.oneHot(classes, 10));
 */
export async function linearCKA(
  x: tf.Tensor,
  y: tf.Tensor,
  options: LinearCKAOptions = {},
): Promise<number> {
  requireOptions(OWNER, options, OPTIONS);
  const { estimator = 'biased' } = options;
  requireOneOf(OWNER, 'estimator', estimator, ['biased', 'unbiased']);
  const least = estimator === 'unbiased' ? 4 : 2;
  requireFeatures(OWNER, 'x', x, least);
  requireFeatures(OWNER, 'y', y, least);
  requireSameExamples(OWNER, ['x', x], ['y', y]);
  const rows = tf.tidy(() => {
    const [a, b] = [centred(x).values, centred(y).values];
    return estimator === 'unbiased' ? ofUnbiasedGrams(a, b) : products(a, b);
  });
  // Rows were summed up in the device's precision; the sums of these are in double precision.
  const read = Promise.all(rows.map((one) => one.data()));
  const [xx, xy, yy] = (await read.finally(() => tf.dispose(rows))).map(sumOf) as Three<number>;
  for (const [name, own] of [
    ['x', xx],
    ['y', yy],
  ] as const) {
    if (!Number.isFinite(own)) {
      throw new Error(`${OWNER}: ${name} has NaN or Infinity; expected finite numbers`);
    }
    if (own > 0) continue;
    throw new Error(`${OWNER}: ${name} ${UNDEFINED[estimator](x.shape[0] as number)}`);
  }
  return xy / Math.sqrt(xx) / Math.sqrt(yy);
}

type Three<T> = [xx: T, xy: T, yy: T];

/**
 * Squared norms of X'X, Y'X and Y'Y, or what is the same of XX' and YY' where there are fewer examples than
 * features, as the sums of rows.
 */
function products(x: tf.Tensor2D, y: tf.Tensor2D): Three<tf.Tensor> {
  const [n, p] = x.shape;
  const q = y.shape[1];
  if (n * (p + q) <= p * p + p * q + q * q) return ofGrams(gramOf(x), gramOf(y));
  const squares = (a: tf.Tensor2D, b: tf.Tensor2D) => tf.sum(tf.square(matMul2d(a, b, true)), 1);
  return [squares(x, x), squares(x, y), squares(y, y)];
}

function ofUnbiasedGrams(x: tf.Tensor2D, y: tf.Tensor2D): Three<tf.Tensor> {
  return ofGrams(unbiasedGram(x), unbiasedGram(y));
}

function ofGrams(k: tf.Tensor, l: tf.Tensor): Three<tf.Tensor> {
  return [tf.sum(tf.mul(k, k), 1), tf.sum(tf.mul(k, l), 1), tf.sum(tf.mul(l, l), 1)];
}

function sumOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0);
}
