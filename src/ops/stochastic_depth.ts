/** Stochastic depth: whole samples that skip a block in training, repeatable from a seed. */
import * as tf from '@tensorflow/tfjs-core';

import { seededRandom } from './engine/random';

/**
 * Stochastic depth (Huang et al. 2016, arXiv 1603.09382): one factor per sample, 0 with probability
 * `rate`, else `1 / (1 - rate)`, shaped to broadcast over `shape`.
 *
 * @returns `[batch, 1, ..., 1]`, or null when nothing is dropped
 */
export function survivalMask(
  shape: readonly number[],
  rate: number,
  seed: number,
): tf.Tensor | null {
  if (rate === 0) return null;
  const batch = shape[0] as number;
  const random = seededRandom(seed);
  const keep = 1 - rate;
  const factors = Float32Array.from({ length: batch }, () => (random() < keep ? 1 / keep : 0));
  return tf.tensor(factors, [batch, ...shape.slice(1).map(() => 1)]);
}
