/** The feed-forward network of a transformer block as a level function. */
import * as tf from '@tensorflow/tfjs-core';

import { free, only, tidyAll } from '../engine/tensors';
import { gelu, geluBackward, geluForward } from '../gelu';
import {
  linear,
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
  linearForward,
} from '../linear';
import { toMatrix } from '../mat_mul';
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

  forward(inputs: readonly tf.Tensor[]): tf.Tensor {
    const { w } = this;
    const x = only(inputs);
    return tf.tidy(() => {
      const activated = tf.tidy(() => gelu(linear(x, w.expandKernel, w.expandBias)));
      return linear(activated, w.projectKernel, w.projectBias);
    });
  }

  linearize(inputs: readonly tf.Tensor[]): LinearizedFunction {
    const { w, trainable } = this;
    const { shape } = only(inputs);
    // Everything in between is a matrix, and its products need no views.
    const x = toMatrix(only(inputs));
    const hidden = linearForward(x, w.expandKernel, w.expandBias);
    const output = tf.tidy(() =>
      tf.reshape(linearForward(geluForward(hidden), w.projectKernel, w.projectBias), shape),
    );
    return {
      output,
      pullback: (dOutput) =>
        tidyAll(() => {
          const dy = toMatrix(dOutput);
          const second = trainable ? tidyAll(() => linearGradients(dy, geluForward(hidden))) : [];
          const dActivated = linearBackwardInput(dy, w.projectKernel);
          const dHidden = geluBackward(dActivated, hidden);
          free(dActivated, hidden);
          const first = trainable ? linearGradients(dHidden, x) : [];
          free(x);
          const dx = tf.reshape(linearBackwardInput(dHidden, w.expandKernel), shape);
          return { dInputs: [dx], dWeights: [...first, ...second] };
        }),
    };
  }
}

function linearGradients(dy: tf.Tensor, x: tf.Tensor): tf.Tensor[] {
  return [linearBackwardKernel(dy, x), linearBackwardBias(dy)];
}
