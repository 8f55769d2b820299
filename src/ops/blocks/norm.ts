import * as tf from '@tensorflow/tfjs-core';

import { free, tidyAll } from '../engine/tensors';
import { layerNorm, normalize, normalizeBackward } from '../layer_norm';
import { columnSum, toMatrix } from '../mat_mul';
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

  forward([x]: readonly tf.Tensor[]): tf.Tensor {
    return layerNorm(x as tf.Tensor, this.w.gamma, this.w.beta, this.epsilon);
  }

  linearize([x]: readonly tf.Tensor[]): LinearizedFunction {
    const { w, trainable } = this;
    const kept = normalize(x as tf.Tensor, this.epsilon);
    return {
      output: tf.tidy(() => tf.add(tf.mul(kept.xhat, w.gamma), w.beta)),
      pullback: (dy) =>
        tidyAll(() => {
          const dWeights = trainable
            ? [columnSum(toMatrix(tf.mul(dy, kept.xhat))), columnSum(toMatrix(dy))]
            : [];
          const dx = normalizeBackward(tf.mul(dy, w.gamma), kept);
          free(kept.xhat, kept.rstd);
          return { dInputs: [dx], dWeights };
        }),
    };
  }
}
