/** LayerNorm as a level function. */
import type * as tf from '@tensorflow/tfjs-core';

import { free, only, tidyAll } from '../engine/tensors';
import {
  affineBackwardInput,
  affineForward,
  affineGradients,
  layerNorm,
  normalize,
} from '../layer_norm';
import { type LevelFunction, type LinearizedFunction } from '../reversible/level_function';

/** Weights of a LayerNorm, in gradient order. */
export interface NormWeights<T extends tf.Tensor = tf.Tensor> {
  /** Scale, `[width]` */
  gamma: T;
  /** Shift, `[width]` */
  beta: T;
}

/** LayerNorm over the last axis as a step of a transformer block. */
export class NormFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  constructor(
    private readonly w: NormWeights<tf.Variable>,
    private readonly epsilon: number,
    private readonly trainable: boolean,
  ) {
    this.weights = trainable ? [w.gamma, w.beta] : [];
  }

  forward(inputs: readonly tf.Tensor[]): tf.Tensor {
    return layerNorm(only(inputs), this.w.gamma, this.w.beta, this.epsilon);
  }

  linearize(inputs: readonly tf.Tensor[]): LinearizedFunction {
    const { w, trainable } = this;
    const kept = normalize(only(inputs), this.epsilon);
    return {
      output: affineForward(kept.xhat, w.gamma, w.beta),
      pullback: (dy) =>
        tidyAll(() => {
          const dWeights = trainable ? affineGradients(dy, kept) : [];
          const dx = affineBackwardInput(dy, w.gamma, kept);
          free(kept.xhat, kept.rstd);
          return { dInputs: [dx], dWeights };
        }),
    };
  }
}
