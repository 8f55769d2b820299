/** Attention on projected operands: output and gradients, some queries at a time, off the tape. */
import * as tf from '@tensorflow/tfjs-core';

import { scoreDropoutFactors } from '../dropout';
import { accumulate, free, only, tidyAll } from '../engine/tensors';
import { batchMatMul } from '../mat_mul';
import { mergeHeads, padTime, sliceTime, splitHeads } from './heads';
import { type ChunkMask, chunkMask } from './mask';
import type { AttentionGradients, AttentionOperands, MaskedSettings } from './operands';
import { hasOwnKernel, ownBackward, ownForward, type Range } from './own_kernel';

/** Scores held at a time when `chunkSize` is left to the op: 16 MB in float32. */
const SCORES_AT_A_TIME = 2 ** 22;

export type {
  AttentionGradients,
  AttentionOperands,
  AttentionSettings,
  MaskedSettings,
} from './operands';

function chunks(entries: number, queries: number, keys: number, size: number | null): Range[] {
  const fitting = Math.floor(SCORES_AT_A_TIME / Math.max(1, entries * keys));
  const rows = Math.max(1, size ?? Math.min(queries, fitting));
  return Array.from({ length: Math.ceil(queries / rows) }, (_, i) => [
    i * rows,
    Math.min(queries, (i + 1) * rows),
  ]);
}

/** The queries whose scores are in memory at a time. */
function chunksOf({ query, key }: AttentionOperands, s: MaskedSettings): Range[] {
  const [batch, queries] = query.shape as [number, number];
  return chunks(batch * s.numHeads, queries, key.shape[1] as number, s.chunkSize);
}

/** Multiplies the `[batch * heads, rows, depth]` result or gradient of blind queries by 0. */
function blinded(x: tf.Tensor, { sighted }: ChunkMask, numHeads: number): tf.Tensor {
  if (!sighted) return x;
  const [entries, rows, depth] = x.shape as [number, number, number];
  const split = tf.reshape(x, [entries / numHeads, numHeads, rows, depth]);
  return tf.reshape(tf.mul(split, sighted), x.shape);
}

/** Attention weights before dropout, `[batch * heads, rows, keys]`. */
function weights(
  query: tf.Tensor,
  key: tf.Tensor,
  { bias }: ChunkMask,
  numHeads: number,
): tf.Tensor {
  return tf.tidy(() => {
    const scores = batchMatMul(query, key, false, true);
    if (!bias) return tf.softmax(scores);
    const [entries, rows, keys] = scores.shape;
    const split = tf.reshape(scores, [entries / numHeads, numHeads, rows, keys]);
    const masked = tf.add(split, bias);
    free(scores, split);
    return tf.softmax(tf.reshape(masked, [entries, rows, keys]));
  });
}

/** Whether there is no query, or no key that one could see. */
function isNothing({ query, key }: AttentionOperands): boolean {
  const [batch, queries] = query.shape as [number, number];
  return batch * queries * (key.shape[1] as number) === 0;
}

/** Output `[batch, t, heads * e]`, without a tape node; 0 for queries that see no key, also where there is none. */
export function attentionForward(operands: AttentionOperands, settings: MaskedSettings): tf.Tensor {
  if (isNothing(operands)) {
    const [batch, queries] = operands.query.shape as [number, number];
    return tf.zeros([batch, queries, operands.value.shape[2] as number]);
  }
  if (!hasOwnKernel(operands, settings)) return forwardInChunks(operands, settings);
  return ownForward(operands, settings, () => chunksOf(operands, settings));
}

function forwardInChunks(
  { query, key, value }: AttentionOperands,
  settings: MaskedSettings,
): tf.Tensor {
  const { numHeads, scale } = settings;
  return tf.tidy(() => {
    const q = splitHeads(scale === 1 ? query : tf.mul(query, scale), numHeads);
    const [k, v] = [splitHeads(key, numHeads), splitHeads(value, numHeads)];
    const [entries, queries] = q.shape;
    const keys = k.shape[1];
    const parts = chunks(entries, queries, keys, settings.chunkSize).map(([start, end]) =>
      tf.tidy(() => {
        const mask = chunkMask(settings, start, end, keys);
        const p = weights(sliceTime(q, start, end), sliceTime(k, 0, mask.keys), mask, numHeads);
        const dropped = scoreDropoutFactors(
          [entries, queries, keys],
          [start, end],
          mask.keys,
          settings.dropRate,
          settings.seed,
        );
        const used = dropped ? tf.mul(p, dropped) : p;
        return blinded(batchMatMul(used, sliceTime(v, 0, mask.keys)), mask, numHeads);
      }),
    );
    return mergeHeads(joined(parts), numHeads);
  });
}

/**
 * Gradients of `attentionForward`. Recomputes the scores chunk by chunk; the row sums that the
 * softmax's gradient needs are those of `dOutput * output` (Dao et al. 2022, arXiv 2205.14135).
 */
export function attentionBackward(
  dOutput: tf.Tensor,
  output: tf.Tensor,
  operands: AttentionOperands,
  settings: MaskedSettings,
): AttentionGradients {
  if (isNothing(operands)) {
    const { query, key, value } = operands;
    return { query: tf.zerosLike(query), key: tf.zerosLike(key), value: tf.zerosLike(value) };
  }
  if (!hasOwnKernel(operands, settings)) {
    return backwardInChunks(dOutput, output, operands, settings);
  }
  return ownBackward(dOutput, output, operands, settings, () => chunksOf(operands, settings));
}

function backwardInChunks(
  dOutput: tf.Tensor,
  output: tf.Tensor,
  { query, key, value }: AttentionOperands,
  settings: MaskedSettings,
): AttentionGradients {
  const { numHeads, scale } = settings;
  return tidyAll(() => {
    const q = splitHeads(scale === 1 ? query : tf.mul(query, scale), numHeads);
    const [k, v] = [splitHeads(key, numHeads), splitHeads(value, numHeads)];
    const dO = splitHeads(dOutput, numHeads);
    const along = rowSums(dO, splitHeads(output, numHeads));
    const [entries, queries] = q.shape;
    const keys = k.shape[1];
    const dQueries: tf.Tensor[] = [];
    const dKeysValues: (tf.Tensor | null)[] = [null, null];
    for (const [start, end] of chunks(entries, queries, keys, settings.chunkSize)) {
      const { dq, dk, dv } = tidyAll(() => {
        const mask = chunkMask(settings, start, end, keys);
        const dropped = scoreDropoutFactors(
          [entries, queries, keys],
          [start, end],
          mask.keys,
          settings.dropRate,
          settings.seed,
        );
        return chunkBackward(
          sliceTime(q, start, end),
          sliceTime(k, 0, mask.keys),
          sliceTime(v, 0, mask.keys),
          blinded(sliceTime(dO, start, end), mask, numHeads),
          sliceTime(along, start, end),
          mask,
          dropped,
          numHeads,
        );
      });
      dQueries.push(dq);
      [dk, dv].forEach((d, i) => {
        accumulate(dKeysValues, i, padTime(d, keys));
        free(d);
      });
    }
    free(q, k, v, dO, along);
    const merged = mergeHeads(joined(dQueries), numHeads);
    return {
      query: scale === 1 ? merged : tf.mul(merged, scale),
      key: mergeHeads(dKeysValues[0] as tf.Tensor, numHeads),
      value: mergeHeads(dKeysValues[1] as tf.Tensor, numHeads),
    };
  });
}

/** The chunks of queries as one tensor, the only one itself. */
function joined(parts: readonly tf.Tensor[]): tf.Tensor {
  return parts.length === 1 ? only(parts) : tf.concat([...parts], 1);
}

function rowSums(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.sum(tf.mul(a, b), -1, true));
}

function chunkBackward(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  dO: tf.Tensor,
  along: tf.Tensor,
  mask: ChunkMask,
  dropped: tf.Tensor | null,
  numHeads: number,
): { dq: tf.Tensor; dk: tf.Tensor; dv: tf.Tensor } {
  const p = weights(q, k, mask, numHeads);
  const used = dropped ? tf.mul(p, dropped) : p;
  const dv = batchMatMul(used, dO, true);
  if (used !== p) free(used);
  const dUsed = batchMatMul(dO, v, false, true);
  const dp = dropped ? tf.mul(dUsed, dropped) : dUsed;
  if (dp !== dUsed) free(dUsed);
  free(dropped);
  const centered = tf.sub(dp, along);
  free(dp);
  const dScores = tf.mul(p, centered);
  free(p, centered);
  const dq = batchMatMul(dScores, k);
  const dk = batchMatMul(dScores, q, true);
  free(dScores);
  return { dq, dk, dv };
}
