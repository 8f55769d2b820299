/** Level fusion as a level function: how a level reads the one below and the one above. */
import * as tf from '@tensorflow/tfjs-core';

import { isTapeOn } from '../engine/engine';
import { free, tidyAll } from '../engine/tensors';
import {
  affineBackwardInput,
  affineForward,
  affineGradients,
  layerNorm,
  normalize,
  type Normalized,
} from '../layer_norm';
import {
  linear,
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
  linearForward,
} from '../linear';
import {
  lowRankGradients,
  lowRankVariables,
  projectChanged,
  rowsFor,
  withKernel,
} from '../low_rank';
import {
  patchConv,
  patchConvBackwardInput,
  patchConvBackwardKernel,
  patchConvForward,
} from '../patch_conv';
import { type LevelFunction, type LinearizedFunction } from '../reversible/level_function';
import { upsampleBackward, upsampledSum, upsampleNearest } from '../upsample';

/** Weights of one path of a fusion: a projection and its LayerNorm, in gradient order. */
export interface PathWeights<T extends tf.Tensor = tf.Tensor> {
  /** `[s, s, in, out]` for a patch convolution, `[in, out]` for a linear layer. */
  kernel: T;
  /** `[out]` */
  bias: T;
  /** LayerNorm scale, `[out]` */
  gamma: T;
  /** LayerNorm shift, `[out]` */
  beta: T;
}

function isPatch(w: PathWeights): boolean {
  return w.kernel.rank === 4;
}

function pathForward(x: tf.Tensor, w: PathWeights): Normalized & { y: tf.Tensor } {
  return tidyAll(() => {
    const project = isPatch(w) ? patchConvForward : linearForward;
    const projected = withKernel(w.kernel, (kernel) => project(x, kernel, w.bias));
    const { xhat, rstd } = normalize(projected);
    free(projected);
    return { xhat, rstd, y: affineForward(xhat, w.gamma, w.beta) };
  });
}

/**
 * Gradients of a path; frees its activations. `dWeights` is empty when not `trainable`; `dChange` is of
 * what is added to the kernel.
 */
function pathBackward(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: PathWeights,
  normalized: Normalized,
  trainable: boolean,
): { dx: tf.Tensor; dWeights: tf.Tensor[]; dChange: tf.Tensor[] } {
  return tidyAll(() => {
    const norm = trainable ? affineGradients(dy, normalized) : [];
    const dProjected = affineBackwardInput(dy, w.gamma, normalized);
    free(normalized.xhat, normalized.rstd);
    const dWeights = trainable
      ? [
          isPatch(w)
            ? patchConvBackwardKernel(dProjected, x, w.kernel.shape)
            : linearBackwardKernel(dProjected, x),
          linearBackwardBias(dProjected),
          ...norm,
        ]
      : [];
    const dChange = lowRankGradients(dProjected, () => rowsFor(x, w.kernel), w.kernel);
    const dx = withKernel(w.kernel, (kernel) =>
      isPatch(w)
        ? patchConvBackwardInput(dProjected, kernel, x.shape)
        : linearBackwardInput(dProjected, kernel),
    );
    return { dx, dWeights, dChange };
  });
}

function pathComposed(x: tf.Tensor, w: PathWeights): tf.Tensor {
  const op = isPatch(w) ? patchConv : linear;
  const project = (u: tf.Tensor, kernel: tf.Tensor) => op(u, kernel, w.bias);
  return layerNorm(projectChanged(project, x, w.kernel), w.gamma, w.beta);
}

/** Adds an operand, resizing an image to the height and width of the sum; other ranks are as they are. */
function addResized(total: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const [, height, width] = total.shape as [number, number, number];
  if (y.rank !== 4 || (y.shape[1] === height && y.shape[2] === width)) return tf.add(total, y);
  return isTapeOn() ? tf.add(total, upsampleNearest(y, height, width)) : upsampledSum(y, total);
}

/**
 * Level fusion (paper section 2.2, figure 2c): the sum of a path from the level below in the same
 * column (down: strided convolution + LayerNorm, or nothing at level 0), one from the level above
 * in the previous column (up: linear + LayerNorm + nearest resize), and, in the Huge variant's
 * level 0, one from the previous column's top level.
 */
export class FusionFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  /**
   * @param paths one entry per input; null passes the input through, which only the first, the
   *   lower operand, may do
   * @param trainable whether gradients of these are wanted; those of changes of kernels are where
   *   their factors are trained
   */
  constructor(
    private readonly paths: readonly (PathWeights<tf.Variable> | null)[],
    private readonly trainable: boolean,
  ) {
    const known = paths.filter((p) => p != null);
    this.weights = [
      ...(trainable ? known.flatMap((p) => [p.kernel, p.bias, p.gamma, p.beta]) : []),
      ...lowRankVariables(known.map((p) => p.kernel)),
    ];
  }

  forward(inputs: readonly tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const run = isTapeOn() ? pathComposed : (x: tf.Tensor, w: PathWeights) => pathForward(x, w).y;
      return this.sum(
        inputs.map((x, i) => {
          const path = this.paths[i];
          return path ? run(x, path) : x;
        }),
      );
    });
  }

  private sum(operands: readonly tf.Tensor[]): tf.Tensor {
    const [lower, ...rest] = operands as [tf.Tensor, ...tf.Tensor[]];
    if (rest.length === 0) return tf.clone(lower);
    return rest.reduce(addResized, lower);
  }

  linearize(inputs: readonly tf.Tensor[]): LinearizedFunction {
    const xs = inputs.map((x) => tf.clone(x));
    const runs = xs.map((x, i) => {
      const path = this.paths[i];
      return path ? pathForward(x, path) : null;
    });
    const shapes = xs.map((x, i) => runs[i]?.y.shape ?? x.shape);
    const output = tf.tidy(() => this.sum(xs.map((x, i) => runs[i]?.y ?? x)));
    runs.forEach((run) => free(run?.y));
    return {
      output,
      pullback: (dOutput) => {
        const parts = xs.map((x, i) => {
          const [path, run] = [this.paths[i], runs[i]];
          if (!path || !run) return { dx: tf.clone(dOutput), dWeights: [], dChange: [] };
          const shape = shapes[i] as number[];
          const dy = x.rank === 4 ? upsampleBackward(dOutput, shape) : tf.clone(dOutput);
          const part = pathBackward(dy, x, path, run, this.trainable);
          free(dy);
          return part;
        });
        free(...xs);
        return {
          dInputs: parts.map((p) => p.dx),
          dWeights: [...parts.flatMap((p) => p.dWeights), ...parts.flatMap((p) => p.dChange)],
        };
      },
    };
  }
}
