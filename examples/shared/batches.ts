/** Batches of sequences of different lengths. */
import * as tf from '@tensorflow/tfjs';

/** Rearranges a list in place (Fisher and Yates). */
export function shuffle<T>(list: T[], random: () => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}

/**
 * One epoch of batches: every example once, in random order, but with others of about its length, so
 * that little of a batch is padding.
 *
 * @param lengths length of each example
 * @param batchSize examples per batch; the last batches of a bucket may be smaller
 * @param random a uniform generator on [0, 1)
 * @param batchesPerBucket how many batches' worth of neighbours by length are mixed
 * @returns for each batch the numbers of its examples
 */
export function batchesByLength(
  lengths: readonly number[],
  batchSize: number,
  random: () => number,
  batchesPerBucket = 8,
): number[][] {
  const order = shuffle(
    lengths.map((_, i) => i),
    random,
  ).sort((a, b) => (lengths[a] as number) - (lengths[b] as number));
  const batches: number[][] = [];
  for (const bucket of chunks(order, batchSize * batchesPerBucket)) {
    batches.push(...chunks(shuffle(bucket, random), batchSize));
  }
  return shuffle(batches, random);
}

/** Consecutive pieces of a list, the last one maybe shorter. */
export function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

/** Sequences of ids as one tensor `[batch, longest]`, int32, filled up with 0. */
export function padded(sequences: readonly (readonly number[])[]): tf.Tensor2D {
  const time = Math.max(...sequences.map((s) => s.length));
  const values = new Int32Array(sequences.length * time);
  sequences.forEach((s, row) => values.set(s, row * time));
  return tf.tensor2d(values, [sequences.length, time], 'int32');
}
