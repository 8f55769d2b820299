import * as tf from '@tensorflow/tfjs-core';

import { free, tidyAll } from '../engine/tensors';
import { gelu, geluBackward, geluForward } from '../gelu';
import { linear } from '../linear';
import { affine2d, columnSum, matMul2d, toMatrix } from '../mat_mul';
import { type LevelFunction, type LinearizedFunction } from '../reversible/level_function';

/** Weights of a feed-forward network of width `c` and hidden width `m`, in gradient order. */
export interface MlpWeights<T extends tf.Tensor = tf.Tensor> {
  /** `[c, m]` */
  expandKernel: T;
  /** `[m]` */
  expandBias: T;
  /** `[m, c]` */
  projectKernel: T;
  /** `[c]` */
  projectBias: T;
}

/** Linear, exact GELU, linear: the feed-forward step of a transformer block. */
export class MlpFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  constructor(
    private readonly w: MlpWeights<tf.Variable>,
    private readonly trainable: boolean,
  ) {
    this.weights = trainable ? [w.expandKernel, w.expandBias, w.projectKernel, w.projectBias] : [];
  }

  forward([x]: readonly tf.Tensor[]): tf.Tensor {
    const { w } = this;
    return tf.tidy(() => {
      const activated = tf.tidy(() => gelu(linear(x as tf.Tensor, w.expandKernel, w.expandBias)));
      return linear(activated, w.projectKernel, w.projectBias);
    });
  }

  linearize([input]: readonly tf.Tensor[]): LinearizedFunction {
    const { w, trainable } = this;
    const { shape } = input as tf.Tensor;
    const x = toMatrix(input as tf.Tensor);
    const hidden = affine2d(x, w.expandKernel, w.expandBias);
    const output = tf.tidy(() =>
      tf.reshape(affine2d(geluForward(hidden), w.projectKernel, w.projectBias), shape),
    );
    return {
      output,
      pullback: (dOutput) =>
        tidyAll(() => {
          const dy = toMatrix(dOutput);
          const second = trainable ? projectGradients(dy, hidden) : [];
          const dActivated = matMul2d(dy, w.projectKernel, false, true);
          const dHidden = geluBackward(dActivated, hidden);
          free(dActivated, hidden);
          const first = trainable ? [matMul2d(x, dHidden, true), columnSum(dHidden)] : [];
          free(x);
          const dx = tf.reshape(matMul2d(dHidden, w.expandKernel, false, true), shape);
          return { dInputs: [dx], dWeights: [...first, ...second] };
        }),
    };
  }
}

function projectGradients(dy: tf.Tensor, hidden: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => [matMul2d(geluForward(hidden), dy, true), columnSum(dy)]);
}
