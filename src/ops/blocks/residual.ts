/** Residual branches of level functions as one level function: a transformer's encoder block. */
import * as tf from '@tensorflow/tfjs-core';

import { dropoutFactors } from '../dropout';
import { deriveSeed } from '../engine/random';
import { free, only, tidyAll } from '../engine/tensors';
import {
  type FunctionGradients,
  type LevelContext,
  type LevelFunction,
  type LinearizedFunction,
} from '../reversible/level_function';
import { survivalMask } from '../stochastic_depth';

/** Rates at which a block's branches are dropped in training, each in [0, 1). */
export interface BranchDropout {
  /** Of single values of a branch's output. */
  dropout: number;
  /** Of the whole block, per sample (stochastic depth). */
  dropRate: number;
}

/** Seeds of functions count from 0; this one is for the output of a branch. */
const OUTPUT = 1000;

/**
 * Residual branches one after another, `x <- x + branch(x)`: a transformer encoder block, or any
 * other residual block whose steps are functions. A branch is a list of functions, each taking the output
 * of the one before.
 */
export class ResidualFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[];

  constructor(
    private readonly branches: readonly (readonly LevelFunction[])[],
    private readonly rates: BranchDropout,
  ) {
    this.weights = branches.flat().flatMap((fn) => fn.weights);
    this.state = branches.flat().flatMap((fn) => fn.state);
  }

  /** One draw per sample for all branches, so that a dropped sample passes the block unchanged. */
  private survival(x: tf.Tensor, { training, seed }: LevelContext): tf.Tensor | null {
    return training ? survivalMask(x.shape, this.rates.dropRate, seed) : null;
  }

  /** What a branch's output is multiplied by; null for nothing. */
  private factors(
    shape: readonly number[],
    survival: tf.Tensor | null,
    { training, seed }: LevelContext,
  ): tf.Tensor | null {
    const rate = training ? this.rates.dropout : 0;
    const dropped = dropoutFactors(shape, rate, deriveSeed(seed, OUTPUT));
    if (!dropped || !survival) return dropped ?? (survival && tf.clone(survival));
    const both = tf.mul(dropped, survival);
    free(dropped);
    return both;
  }

  forward(inputs: readonly tf.Tensor[], context: LevelContext): tf.Tensor {
    return tf.tidy(() => {
      let y = only(inputs);
      const survival = this.survival(y, context);
      this.branches.forEach((branch, b) => {
        const before = y;
        y = tf.tidy(() => {
          const at = below(context, b);
          const output = branch.reduce((u, fn, s) => fn.forward([u], below(at, s)), before);
          const factors = this.factors(output.shape, survival, at);
          return tf.add(before, factors ? tf.mul(output, factors) : output);
        });
        if (b > 0) free(before);
      });
      return y;
    });
  }

  linearize(inputs: readonly tf.Tensor[], context: LevelContext): LinearizedFunction {
    let y = only(inputs);
    const survival = this.survival(y, context);
    const pullbacks: LinearizedFunction['pullback'][][] = [];
    this.branches.forEach((branch, b) => {
      const before = y;
      const at = below(context, b);
      let u = before;
      pullbacks[b] = branch.map((fn, s) => {
        const linearized = fn.linearize([u], below(at, s));
        if (s > 0) free(u);
        u = linearized.output;
        return linearized.pullback;
      });
      y = this.join(before, u, survival, at);
      free(u);
      if (b > 0) free(before);
    });
    return {
      output: y,
      pullback: (dOutput) => {
        const gradients = tidyAll(() => this.pullback(dOutput, pullbacks, survival, context));
        free(survival);
        return gradients;
      },
    };
  }

  private join(
    x: tf.Tensor,
    output: tf.Tensor,
    survival: tf.Tensor | null,
    at: LevelContext,
  ): tf.Tensor {
    return tf.tidy(() => {
      const factors = this.factors(output.shape, survival, at);
      return tf.add(x, factors ? tf.mul(output, factors) : output);
    });
  }

  private pullback(
    dOutput: tf.Tensor,
    pullbacks: LinearizedFunction['pullback'][][],
    survival: tf.Tensor | null,
    context: LevelContext,
  ): FunctionGradients {
    const dWeights: tf.Tensor[][][] = [];
    let dy = dOutput;
    for (let b = pullbacks.length - 1; b >= 0; b--) {
      const branch = pullbacks[b] as LinearizedFunction['pullback'][];
      const factors = this.factors(dy.shape, survival, below(context, b));
      let d = factors ? tf.mul(dy, factors) : tf.clone(dy);
      free(factors);
      const gradients: tf.Tensor[][] = [];
      dWeights[b] = gradients;
      for (let s = branch.length - 1; s >= 0; s--) {
        const result = (branch[s] as LinearizedFunction['pullback'])(d);
        free(d);
        d = only(result.dInputs);
        gradients[s] = result.dWeights;
      }
      const sum = tf.add(dy, d);
      free(d, dy === dOutput ? null : dy);
      dy = sum;
    }
    return { dInputs: [dy], dWeights: dWeights.flat(2) };
  }
}

/** The context of the part numbered `index`. */
function below(context: LevelContext, index: number): LevelContext {
  return { ...context, seed: deriveSeed(context.seed, index) };
}
