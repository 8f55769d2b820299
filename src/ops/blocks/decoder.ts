/** A transformer's decoder block, differentiated operation by operation. */
import * as tf from '@tensorflow/tfjs-core';

import {
  attend,
  type AttentionConfig,
  type AttentionRun,
  type AttentionWeights,
} from '../attention/multi_head';
import { dropout } from '../dropout';
import { deriveSeed } from '../engine/random';
import { layerNorm } from '../layer_norm';
import type { LevelContext } from '../reversible/level_function';
import { MlpFunction, type MlpWeights } from './mlp';
import type { NormWeights } from './norm';

/** Weights and settings of a decoder block. */
export interface DecoderParts {
  selfAttention: AttentionWeights<tf.Variable>;
  /** Absent in a decoder without memory. */
  crossAttention?: AttentionWeights<tf.Variable>;
  mlp: MlpWeights<tf.Variable>;
  /** One per branch: self-attention, cross-attention if any, feed-forward. */
  norms: readonly NormWeights<tf.Variable>[];
  /** Of self-attention; cross-attention is the same without the causal mask. */
  attention: AttentionConfig;
  /** Whether a branch normalises its input (`pre`) or its output (`post`). */
  norm: 'pre' | 'post';
  epsilon: number;
  /** Rate at which values of a branch's output are dropped in training. */
  dropRate: number;
}

/** What cross-attention looks at. */
export interface DecoderMemory {
  /** `[batch, s, memory width]` */
  tokens: tf.Tensor;
  /** `[batch, s]` of 0 and 1 */
  mask?: tf.Tensor;
}

type Branch = (x: tf.Tensor, seed: number) => tf.Tensor;

/**
 * A decoder block (Vaswani et al. 2017, arXiv 1706.03762): self-attention, cross-attention to the
 * memory, feed-forward, each a residual branch. Every step is a tape node where a tape records.
 *
 * @param x `[batch, t, width]`
 */
export function decoderBlock(
  x: tf.Tensor,
  memory: DecoderMemory | null,
  parts: DecoderParts,
  context: LevelContext,
): tf.Tensor {
  const { training, mask, caches } = context;
  const run = (seed: number, keyMask: tf.Tensor | undefined): AttentionRun => ({
    training,
    seed,
    keyMask,
    cache: caches,
  });
  const branches: Branch[] = [
    (u, seed) => attend(u, u, parts.selfAttention, parts.attention, run(seed, mask)),
  ];
  const { crossAttention } = parts;
  if (crossAttention && memory) {
    const config = { ...parts.attention, causal: false };
    branches.push((u, seed) =>
      attend(u, memory.tokens, crossAttention, config, run(seed, memory.mask)),
    );
  }
  const mlp = new MlpFunction(parts.mlp, false);
  branches.push((u) => mlp.forward([u]));
  return tf.tidy(() =>
    branches.reduce((u, branch, b) => {
      const seed = deriveSeed(context.seed, b);
      const norm = parts.norms[b] as NormWeights;
      return tf.tidy(() => {
        const output = normalized(branch, u, norm, parts, seed);
        const rate = training ? parts.dropRate : 0;
        return tf.add(u, dropout(output, rate, deriveSeed(seed, 1)));
      });
    }, x),
  );
}

function normalized(
  branch: Branch,
  x: tf.Tensor,
  { gamma, beta }: NormWeights,
  { norm, epsilon }: DecoderParts,
  seed: number,
): tf.Tensor {
  if (norm === 'pre') return branch(layerNorm(x, gamma, beta, epsilon), seed);
  return layerNorm(branch(x, seed), gamma, beta, epsilon);
}
