/** Multi-head attention with its projections, from weights in the shapes of tfjs's and Keras's layer. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';
import { linear, linearBackwardInput, linearBackwardKernel, linearForward } from '../linear';
import { projectChanged } from '../low_rank';
import type { MaskedSettings } from './attention';
import type { CachedTokens, KeyValueCache } from './cache';
import { scaleHeads, unitHeads } from './cosine';
import { attention } from './op';

/** Weights of a multi-head attention, in gradient order; shapes as in tfjs's and Keras's layer. */
export interface AttentionWeights<T extends tf.Tensor = tf.Tensor> {
  /** `[width, heads, keyDim]` */
  queryKernel: T;
  /** `[heads, keyDim]` */
  queryBias: T;
  /** `[memory width, heads, keyDim]` */
  keyKernel: T;
  /** `[heads, keyDim]` */
  keyBias: T;
  /** `[memory width, heads, valueDim]` */
  valueKernel: T;
  /** `[heads, valueDim]` */
  valueBias: T;
  /** `[heads, valueDim, width]` */
  outputKernel: T;
  /** `[width]` */
  outputBias: T;
  /** Cosine attention only: logarithm of each head's inverse temperature, `[heads]`. */
  logitScale?: T;
}

/** How a multi-head attention attends. */
export interface AttentionConfig {
  numHeads: number;
  /** Width of a head's queries and keys. */
  keyDim: number;
  /** Whether a query sees only keys at its own place and before. */
  causal: boolean;
  /** Queries whose scores are in memory at a time; null: chosen to fit 16 MB. */
  chunkSize: number | null;
  /** Rate at which attention weights are dropped in training, in [0, 1). */
  dropRate: number;
}

/** What one run of an attention depends on besides operands and weights. */
export interface AttentionRun {
  training: boolean;
  seed: number;
  /** `[batch, keys]` */
  keyMask?: tf.Tensor;
  /** `[batch or 1, queries, keys]` */
  attentionMask?: tf.Tensor;
  /** Earlier keys and values, to which those of this run are added. */
  cache?: KeyValueCache;
}

/** A kernel as the matrix it multiplies by, in: its first axis. */
export function inputMatrix(kernel: tf.Tensor): tf.Tensor2D {
  return tf.reshape(kernel, [kernel.shape[0] as number, -1]);
}

/** The output kernel as a matrix, out: its last axis. */
export function outputMatrix(kernel: tf.Tensor): tf.Tensor2D {
  return tf.reshape(kernel, [-1, kernel.shape[kernel.rank - 1] as number]);
}

/** What the attention op is to do in this run. */
export function settingsFor(
  w: AttentionWeights,
  config: AttentionConfig,
  run: AttentionRun,
  causalOffset = 0,
): MaskedSettings {
  return {
    numHeads: config.numHeads,
    // Cosine attention has its factor in the queries.
    scale: w.logitScale ? 1 : 1 / Math.sqrt(config.keyDim),
    chunkSize: config.chunkSize,
    dropRate: run.training ? config.dropRate : 0,
    seed: run.seed,
    keyMask: run.keyMask,
    attentionMask: run.attentionMask,
    causalOffset: config.causal ? causalOffset : undefined,
  };
}

function project(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return projectChanged((u, w) => linear(u, inputMatrix(w), tf.reshape(bias, [-1])), x, kernel);
}

const unshiftedOp = defineOp({
  name: 'RevColUnshiftedLinear',
  inputs: ['x', 'weight', 'bias'],
  forward: ({ x, weight }) => linearForward(x, weight),
  backward: (dy, { x, weight, bias }) => ({
    x: () => linearBackwardInput(dy, weight),
    weight: () => linearBackwardKernel(dy, x),
    bias: () => tf.zerosLike(bias),
  }),
});

/**
 * Keys of dot products. Their bias would raise all scores of a query alike, which softmax undoes:
 * it is left out, and its gradient is exactly 0 instead of rounding errors, which an optimizer like
 * Adam would follow.
 */
function projectDotKeys(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return projectChanged((u, w) => unshiftedOp({ x: u, weight: inputMatrix(w), bias }), x, kernel);
}

/**
 * Multi-head attention with its projections; each step is a tape node where a tape records.
 *
 * @param x queries' source, `[batch, t, width]`
 * @param memory keys' source, `[batch, s, memory width]`; `x` itself for self-attention
 * @param valueSource values' source; `memory` unless given
 * @returns `[batch, t, width]`
 */
export function attend(
  x: tf.Tensor,
  memory: tf.Tensor,
  w: AttentionWeights,
  config: AttentionConfig,
  run: AttentionRun,
  valueSource = memory,
): tf.Tensor {
  return tf.tidy(() => {
    const raw = project(x, w.queryKernel, w.queryBias);
    const query = w.logitScale ? scaleHeads(unitHeads(raw, config.numHeads), w.logitScale) : raw;
    const fresh = (): CachedTokens => {
      return {
        key: w.logitScale
          ? unitHeads(project(memory, w.keyKernel, w.keyBias), config.numHeads)
          : projectDotKeys(memory, w.keyKernel, w.keyBias),
        value: project(valueSource, w.valueKernel, w.valueBias),
        mask: run.keyMask,
      };
    };
    const { key, value, mask } = tokensOf(fresh, w, run.cache, x === memory);
    const earlier = (key.shape[1] as number) - (x.shape[1] as number);
    const settings = settingsFor(w, config, { ...run, keyMask: mask }, run.cache ? earlier : 0);
    const output = attention({ query, key, value }, settings);
    return projectChanged(
      (u, kernel) => linear(u, outputMatrix(kernel), w.outputBias),
      output,
      w.outputKernel,
    );
  });
}

function tokensOf(
  fresh: () => CachedTokens,
  w: AttentionWeights,
  cache: KeyValueCache | undefined,
  isSelf: boolean,
): CachedTokens {
  if (!cache) return fresh();
  // The key kernel identifies the attention: no other layer has it.
  return isSelf ? cache.append(w.keyKernel, fresh()) : cache.once(w.keyKernel, fresh);
}
