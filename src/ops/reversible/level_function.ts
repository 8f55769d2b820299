/** The interface of what the walk differentiates: a fusion or a block. */
import type * as tf from '@tensorflow/tfjs-core';

import type { KeyValueCache } from '../attention/cache';

/** What a function may depend on besides its inputs and weights. */
export interface LevelContext {
  /** Whether dropout, stochastic depth and batch statistics are active. */
  training: boolean;
  /** Seed of all randomness in this function; the same seed gives the same output. */
  seed: number;
  /** Mask that reaches every function, for example `[batch, time]` of which tokens are real. */
  mask?: tf.Tensor;
  /** Earlier keys and values, when tokens are generated one after another. Never in training. */
  caches?: KeyValueCache;
}

/** Gradients of one function. */
export interface FunctionGradients {
  /** In input order. */
  dInputs: tf.Tensor[];
  /** In the order of `LevelFunction.weights`. */
  dWeights: tf.Tensor[];
}

/** A function run forward whose activations are kept for `pullback`. */
export interface LinearizedFunction {
  output: tf.Tensor;
  /** Gradients given that of the output; frees the kept activations and is called at most once. */
  pullback(dOutput: tf.Tensor): FunctionGradients;
}

/**
 * One differentiable step of a level: the fusion, or a block. The reversible walk knows nothing
 * else of the network. Every method returns tensors that the caller owns and frees; what a method
 * made when it throws is freed by the tidy that the walk runs it in.
 */
export interface LevelFunction {
  /** Trainable variables whose gradients the function gives; empty when frozen. */
  readonly weights: readonly tf.Variable[];
  /** Variables that a forward pass in training may overwrite (moving statistics). */
  readonly state: readonly tf.Variable[];
  /** The output. Also runs on a tape (stored mode), where tfjs differentiates it. */
  forward(inputs: readonly tf.Tensor[], context: LevelContext): tf.Tensor;
  /** Runs forward and keeps activations for the gradients. */
  linearize(inputs: readonly tf.Tensor[], context: LevelContext): LinearizedFunction;
  /**
   * Output and gradients in one go, where that is cheaper than `linearize` and `pullback` because
   * the function would have to run forward twice.
   */
  vjp?(
    inputs: readonly tf.Tensor[],
    context: LevelContext,
    dOutput: tf.Tensor,
  ): { output: tf.Tensor } & FunctionGradients;
}
