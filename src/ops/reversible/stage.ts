import * as tf from '@tensorflow/tfjs-core';

import type { KeyValueCache } from '../attention_cache';

/** What a stage may depend on besides its inputs and weights. */
export interface StageContext {
  /** Whether dropout, stochastic depth and batch statistics are active. */
  training: boolean;
  /** Seed of all randomness in this stage; the same seed gives the same output. */
  seed: number;
  /** Mask that reaches every stage, for example `[batch, time]` of which tokens are real. */
  mask?: tf.Tensor;
  /** Earlier keys and values, when tokens are generated one after another. Never in training. */
  caches?: KeyValueCache;
}

/** Gradients of one stage. */
export interface StageGradients {
  /** In input order. */
  dInputs: tf.Tensor[];
  /** In the order of `Stage.weights`. */
  dWeights: tf.Tensor[];
}

/** A stage run forward whose activations are kept for `pullback`. */
export interface LinearizedStage {
  output: tf.Tensor;
  /** Gradients given that of the output; frees the kept activations and is called at most once. */
  pullback(dOutput: tf.Tensor): StageGradients;
}

/**
 * One differentiable step of a level: the fusion, or a block. The reversible walk knows nothing
 * else of the network. Every method returns tensors that the caller owns and frees; what a method
 * made when it throws is freed by the tidy that the walk runs it in.
 */
export interface Stage {
  /** Trainable variables whose gradients the stage gives; empty when frozen. */
  readonly weights: readonly tf.Variable[];
  /** Variables that a forward pass in training may overwrite (moving statistics). */
  readonly state: readonly tf.Variable[];
  /** The output. Also runs on a tape (stored mode), where tfjs differentiates it. */
  forward(inputs: readonly tf.Tensor[], context: StageContext): tf.Tensor;
  /** Runs forward and keeps activations for the gradients. */
  linearize(inputs: readonly tf.Tensor[], context: StageContext): LinearizedStage;
  /**
   * Output and gradients in one go, where that is cheaper than `linearize` and `pullback` because
   * the stage would have to run forward twice.
   */
  vjp?(
    inputs: readonly tf.Tensor[],
    context: StageContext,
    dOutput: tf.Tensor,
  ): { output: tf.Tensor } & StageGradients;
}

/** Frees tensors whose last use has passed; null and undefined are passed over. */
export function free(...tensors: (tf.Tensor | null | undefined)[]): void {
  for (const tensor of tensors) tensor?.dispose();
}

/** Replaces `slots[i]` by its sum with `term`, or by `term`; takes ownership of both. */
export function accumulate(slots: (tf.Tensor | null)[], i: number, term: tf.Tensor): void {
  const old = slots[i];
  if (old == null) {
    slots[i] = term;
    return;
  }
  slots[i] = tf.add(old, term);
  free(old, term);
}

/** `tf.tidy` for results of any shape that hold tensors in arrays and fields. */
export function tidyAll<T>(fn: () => T): T {
  return tf.tidy(fn as () => tf.TensorContainer) as T;
}
