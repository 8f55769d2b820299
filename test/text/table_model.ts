/** A network that is a table: what decoding does on it can be checked by hand. */
import * as tf from '@tensorflow/tfjs';

import { type KeyValueCache, type StepModel } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';

/** Logits of what follows some tokens. */
export type Table = (ids: readonly number[]) => readonly number[];

/**
 * Keeps the tokens in the cache, as attention keeps its keys, so that a cache that is not reordered
 * along with the sequences shows.
 */
export class TableModel implements StepModel {
  /** Batch sizes of the steps. */
  readonly batches: number[] = [];

  constructor(private readonly table: Table) {}

  step(ids: tf.Tensor2D, cache: KeyValueCache): tf.Tensor2D {
    this.batches.push(ids.shape[0]);
    const tokens = tf.expandDims(tf.cast(ids, 'float32'), -1);
    const { key } = cache.append(this, { key: tokens, value: tokens });
    const rows = tf.squeeze(key, [2]).arraySync() as number[][];
    return tf.tensor2d(rows.map((row) => [...this.table(row)]));
  }
}

/** Random logits that depend on all tokens, between -2 and 2. */
export function randomTable(vocabulary: number, seed = 1): Table {
  return (ids) => {
    const random = seededRandom(ids.reduce((h, id) => Math.imul(h, 31) + id + 1, seed));
    return Array.from({ length: vocabulary }, () => Math.fround(4 * random() - 2));
  };
}

/** Natural logarithms of the probabilities. */
export function logProbs(logits: readonly number[]): number[] {
  const sum = logits.reduce((s, x) => s + Math.exp(x), 0);
  return logits.map((x) => x - Math.log(sum));
}
