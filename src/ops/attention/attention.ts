/** Attention on projected operands: output and gradients, some queries at a time, off the tape. */
import * as tf from '@tensorflow/tfjs-core';

import { scoreDropoutFactors } from '../dropout';
import { accumulate, free, only, tidyAll } from '../engine/tensors';
import { ATTENTION, ATTENTION_GRAD, type KernelContract } from '../kernels/contract';
import { hasKernel, runFused } from '../kernels/fused';
import { batchMatMul } from '../mat_mul';
import { mergeHeads, padTime, sliceTime, splitHeads } from './heads';
import { type AttentionMasks, type ChunkMask, chunkMask, maskBias } from './mask';

/** Scores held at a time when `chunkSize` is left to the op: 16 MB in float32. */
const SCORES_AT_A_TIME = 2 ** 22;

/** How to attend, besides which keys are seen. */
export interface AttentionSettings {
  /** Divides the widths of queries, keys and values. */
  numHeads: number;
  /** Factor of the scores; `1 / sqrt(depth)` for scaled dot products. */
  scale: number;
  /**
   * Queries whose scores are in memory at a time. The result does not depend on it. Null: as many
   * as keep the scores below 16 MB.
   */
  chunkSize: number | null;
  /** Rate at which attention weights are dropped, in [0, 1). */
  dropRate: number;
  /** Seed of the dropout. */
  seed: number;
}

/** Queries `[batch, t, heads * d]`, keys `[batch, s, heads * d]`, values `[batch, s, heads * e]`. */
export interface AttentionOperands {
  query: tf.Tensor;
  key: tf.Tensor;
  value: tf.Tensor;
}

/** Gradients of the operands. */
export type AttentionGradients = AttentionOperands;

/** How to attend, and what to. */
export type MaskedSettings = AttentionSettings & AttentionMasks;
type Range = readonly [start: number, end: number];

function chunks(entries: number, queries: number, keys: number, size: number | null): Range[] {
  const fitting = Math.floor(SCORES_AT_A_TIME / Math.max(1, entries * keys));
  const rows = Math.max(1, size ?? Math.min(queries, fitting));
  return Array.from({ length: Math.ceil(queries / rows) }, (_, i) => [
    i * rows,
    Math.min(queries, (i + 1) * rows),
  ]);
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

/** Whether a backend's own kernel can do it, which knows neither dropout nor masks of pairs. */
function fits(contract: KernelContract, operands: AttentionOperands, s: MaskedSettings): boolean {
  const isPlain = s.dropRate === 0 && s.attentionMask == null && s.scale > 0;
  const sizes = [operands.query, operands.key, operands.value].map(({ size }) => size);
  return isPlain && Math.min(...sizes) > 0 && hasKernel(contract);
}

const attributesOf = ({ numHeads, scale, causalOffset = Infinity }: MaskedSettings) => ({
  numHeads,
  scale,
  causalOffset,
});

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
  const compose = () => forwardInChunks(operands, settings);
  if (!fits(ATTENTION, operands, settings)) return compose();
  return tf.tidy(() => {
    const bias = settings.keyMask && maskBias(settings.keyMask);
    return runFused(ATTENTION, { ...operands, bias }, attributesOf(settings), compose);
  });
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
  const compose = () => backwardInChunks(dOutput, output, operands, settings);
  if (!fits(ATTENTION_GRAD, operands, settings)) return compose();
  return tidyAll(() => {
    const bias = settings.keyMask && maskBias(settings.keyMask);
    const { query, key, value } = operands;
    const { dQuery, dKey, dValue } = runFused(
      ATTENTION_GRAD,
      { query, key, value, output, dOutput, bias },
      attributesOf(settings),
      () => {
        const { query: dQuery, key: dKey, value: dValue } = compose();
        return { dQuery, dKey, dValue };
      },
    );
    return { query: dQuery, key: dKey, value: dValue };
  });
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
