/** What an attention attends with, and how. */
import type * as tf from '@tensorflow/tfjs-core';

import type { AttentionMasks } from './mask';

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
