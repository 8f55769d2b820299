/** Linear CKA of many sets of features, of examples that come in batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, shown } from '../common/arguments';
import { batchMatMul } from '../ops/mat_mul';
import { centred, requireFeatures, requireSameExamples, unbiasedGram } from './centred';

/** How similar sets of features are, each to each. */
export interface Similarities {
  /** Their names, in the order in which they came. */
  names: string[];
  /**
   * CKA by the places of two names: 1 on the diagonal, symmetric. NaN where one of the two was the same for all
   * examples of every batch, or in each only one example differs, or all differ alike (as one-hot labels of which no
   * two are the same): of these HSIC(X, X) is 0 but for rounding, and nothing is defined.
   */
  similarity: number[][];
  /** Examples in all. */
  examples: number;
  batches: number;
}

/** Features by name: an object, or pairs that come one after another. */
export type NamedFeatures =
  Readonly<Record<string, tf.Tensor>> | Iterable<readonly [name: string, features: tf.Tensor]>;

const OWNER = 'MinibatchCKA';

/** Of fewer examples HSIC has no unbiased estimate. */
export const LEAST_EXAMPLES = 4;

/**
 * Linear CKA (Kornblith et al. 2019) of any number of sets of features, each to each, from batches: for examples,
 * or features, that do not fit in memory together. It averages unbiased estimates of HSIC over the batches
 * (Nguyen et al. 2021, arXiv 2010.15327, section 3), weighted by the examples in each:
 *
 *     CKA(X, Y) = HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y))
 *
 * What comes of it does not depend on the size of the batches, but for the noise that smaller ones have. Of
 * unrelated features it is around 0, sometimes a little below.
 *
 * @example
 * const cka = new MinibatchCKA();
 * for (const { x, y } of batches) await cka.add({ image: x, label: y, features: model.predict(x) });
 * const { names, similarity } = cka.result();
 */
export class MinibatchCKA {
  private names: string[] = [];
  /** Sums of HSIC over the batches, times their examples, by the places of two names. */
  private sums: Float64Array = new Float64Array(0);
  private examples = 0;
  private batches = 0;

  /**
   * Adds a batch: features of some examples, the same names in every batch. Of one whose features are refused
   * nothing is added.
   *
   * @param features tensors `[examples, ...]` of at least 4 examples, equal in number; they stay the caller's.
   *   Pairs that come one after another are used up one by one: a generator may free each when it is asked for the
   *   next
   * @throws {Error} when there are none, one is no such tensor, their examples are not as many, their names are
   *   not those of the batches before, or one has NaN or Infinity
   */
  async add(features: NamedFeatures): Promise<void> {
    const { names, examples, values } = measured(features);
    const read = await values.data().finally(() => values.dispose());
    const count = names.length;
    const scales = read.subarray(count * count);
    names.forEach((name, i) => {
      if (Number.isFinite(read[i * count + i]) && Number.isFinite(scales[i])) return;
      throw new Error(`${OWNER}: ${name} has NaN or Infinity; expected finite numbers`);
    });
    this.requireNames(names);
    if (this.batches === 0) {
      this.names = names;
      this.sums = new Float64Array(count * count);
    }
    const weight = examples / (examples - 3);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < count; j++) {
        const own = (scales[i] as number) ** 2 * (scales[j] as number) ** 2;
        const at = i * count + j;
        this.sums[at] = (this.sums[at] as number) + weight * own * (read[at] as number);
      }
    }
    this.examples += examples;
    this.batches++;
  }

  /**
   * The similarities of all batches that have been added.
   *
   * @throws {Error} when there is none
   */
  result(): Similarities {
    const { names, sums, examples, batches } = this;
    if (batches === 0) throw new Error(`${OWNER}: there is no batch yet; call add first`);
    const count = names.length;
    const at = (i: number, j: number) => sums[i * count + j] as number;
    const similarity = names.map((_, i) =>
      names.map((__, j) =>
        i === j && at(i, i) > 0 ? 1 : at(i, j) / Math.sqrt(at(i, i)) / Math.sqrt(at(j, j)),
      ),
    );
    return { names: [...names], similarity, examples, batches };
  }

  private requireNames(names: readonly string[]): void {
    if (this.batches === 0) return;
    const fits = names.length === this.names.length && names.every((n, i) => n === this.names[i]);
    if (fits) return;
    throw new Error(
      `${OWNER}: this batch has the features ${names.join(', ')}; expected those of the batches before, ` +
        `${this.names.join(', ')}, in their order`,
    );
  }
}

/** Names, number of examples, and on the device the products of all pairs, then the scales of all. */
function measured(features: NamedFeatures): {
  names: string[];
  examples: number;
  values: tf.Tensor1D;
} {
  const isObject = typeof features === 'object' && features !== null;
  const expected = 'tensors by name, as { image: x, label: y }';
  requireArgument(OWNER, 'features', features, isObject && !('dataId' in features), expected);
  const pairs = Symbol.iterator in features ? features : Object.entries(features);
  const names: string[] = [];
  const grams: tf.Tensor2D[] = [];
  const scales: tf.Scalar[] = [];
  let first: readonly [string, tf.Tensor] | undefined;
  try {
    for (const pair of pairs) {
      requireArgument(
        OWNER,
        'features',
        pair,
        Array.isArray(pair),
        `${expected}, or pairs of those`,
      );
      const [name, x] = pair;
      if (typeof name !== 'string' || names.includes(name)) {
        throw new Error(`${OWNER}: ${shown(name)} is no name, or one that there is already`);
      }
      requireFeatures(OWNER, name, x, LEAST_EXAMPLES);
      // Its shape alone is looked at later on.
      first ??= [name, x];
      requireSameExamples(OWNER, first, [name, x]);
      const { gram, scale } = tf.tidy(() => {
        const { values, scale: size } = centred(x);
        return { gram: unbiasedGram(values), scale: size };
      });
      names.push(name);
      grams.push(gram);
      scales.push(scale);
    }
    requireArgument(OWNER, 'features', features, first !== undefined, `${expected}, at least one`);
    return {
      names,
      examples: first?.[1].shape[0] as number,
      values: tf.tidy(() =>
        tf.concat1d([tf.reshape(inner(grams), [-1]), tf.stack(scales) as tf.Tensor1D]),
      ),
    };
  } finally {
    tf.dispose([...grams, ...scales]);
  }
}

/** Sums of products of all pairs of matrices, `[matrices, matrices]`: by rows first, for the sake of float32. */
function inner(grams: readonly tf.Tensor2D[]): tf.Tensor2D {
  const [n = 0] = grams[0]?.shape ?? [];
  const rows = tf.stack([...grams], 1);
  return tf.div(tf.sum(batchMatMul(rows, rows, false, true), 0), n) as tf.Tensor2D;
}
