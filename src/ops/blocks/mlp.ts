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
import { lowRankGradients, lowRankVariables, projectChanged, withKernel } from '../low_rank';
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
    this.weights = [
      ...(trainable ? [w.expandKernel, w.expandBias, w.projectKernel, w.projectBias] : []),
      ...lowRankVariables([w.expandKernel, w.projectKernel]),
    ];
  }

  forward(inputs: readonly tf.Tensor[]): tf.Tensor {
    const { w } = this;
    const x = only(inputs);
    return tf.tidy(() => {
      const expand = (u: tf.Tensor, kernel: tf.Tensor) => linear(u, kernel, w.expandBias);
      const project = (u: tf.Tensor, kernel: tf.Tensor) => linear(u, kernel, w.projectBias);
      const activated = tf.tidy(() => gelu(projectChanged(expand, x, w.expandKernel)));
      return projectChanged(project, activated, w.projectKernel);
    });
  }

  linearize(inputs: readonly tf.Tensor[]): LinearizedFunction {
    const { w, trainable } = this;
    const { shape } = only(inputs);
    // Everything in between is a matrix, and its products need no views.
    const x = toMatrix(only(inputs));
    const hidden = withKernel(w.expandKernel, (kernel) => linearForward(x, kernel, w.expandBias));
    const output = tf.tidy(() =>
      withKernel(w.projectKernel, (kernel) =>
        tf.reshape(linearForward(geluForward(hidden), kernel, w.projectBias), shape),
      ),
    );
    return {
      output,
      pullback: (dOutput) =>
        tidyAll(() => {
          const dy = toMatrix(dOutput);
          const second = trainable ? tidyAll(() => linearGradients(dy, geluForward(hidden))) : [];
          const secondChange = lowRankGradients(dy, () => geluForward(hidden), w.projectKernel);
          const dActivated = withKernel(w.projectKernel, (kernel) =>
            linearBackwardInput(dy, kernel),
          );
          const dHidden = geluBackward(dActivated, hidden);
          free(dActivated, hidden);
          const first = trainable ? linearGradients(dHidden, x) : [];
          const firstChange = lowRankGradients(dHidden, () => x, w.expandKernel);
          free(x);
          const dx = withKernel(w.expandKernel, (kernel) =>
            tf.reshape(linearBackwardInput(dHidden, kernel), shape),
          );
          return {
            dInputs: [dx],
            dWeights: [...first, ...second, ...firstChange, ...secondChange],
          };
        }),
    };
  }
}

function linearGradients(dy: tf.Tensor, x: tf.Tensor): tf.Tensor[] {
  return [linearBackwardKernel(dy, x), linearBackwardBias(dy)];
}
