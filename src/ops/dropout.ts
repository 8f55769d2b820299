/** Dropout of single values, repeatable from a seed however the tensor is cut into chunks. */
import * as tf from '@tensorflow/tfjs-core';

/** Step of the generator below, see `seededRandom`, whose numbers these are. */
const STEP = 0x6d2b79f5;

/**
 * Writes the dropout factors number `first` to `first + count` of a stream: 0 with probability
 * `rate`, else `1 / (1 - rate)`. Any part of the stream can be had without what comes before.
 */
function fillFactors(
  out: Float32Array,
  at: number,
  count: number,
  seed: number,
  first: number,
  rate: number,
): void {
  const kept = 1 / (1 - rate);
  const threshold = rate * 4294967296;
  let state = (seed + Math.imul(first | 0, STEP)) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (state + STEP) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    out[at + i] = (t ^ (t >>> 14)) >>> 0 < threshold ? 0 : kept;
  }
}

/**
 * Dropout factors (Srivastava et al. 2014): 0 with probability `rate`, else `1 / (1 - rate)`; the
 * same for the same seed.
 *
 * @param rate in [0, 1)
 * @returns a tensor of `shape`, or null when nothing is dropped
 */
export function dropoutFactors(
  shape: readonly number[],
  rate: number,
  seed: number,
): tf.Tensor | null {
  if (rate === 0) return null;
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  fillFactors(values, 0, values.length, seed, 0, rate);
  return tf.tensor(values, [...shape]);
}

/**
 * Dropout factors for rows `[start, end)` and the first `keys` columns of `[entries, queries,
 * columns]` scores: the same numbers however the rows are cut into chunks.
 */
export function scoreDropoutFactors(
  [entries, queries, columns]: readonly [number, number, number],
  [start, end]: readonly [number, number],
  keys: number,
  rate: number,
  seed: number,
): tf.Tensor3D | null {
  if (rate === 0) return null;
  const rows = end - start;
  const values = new Float32Array(entries * rows * keys);
  for (let e = 0; e < entries; e++) {
    for (let i = 0; i < rows; i++) {
      const first = (e * queries + start + i) * columns;
      fillFactors(values, (e * rows + i) * keys, keys, seed, first, rate);
    }
  }
  return tf.tensor3d(values, [entries, rows, keys]);
}

/** `x` times dropout factors; `x` itself, shared, when nothing is dropped. Tapeable. */
export function dropout(x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  return tf.tidy(() => {
    const factors = dropoutFactors(x.shape, rate, seed);
    return factors ? tf.mul(x, factors) : tf.clone(x);
  });
}
