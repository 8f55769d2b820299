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

/** The projection of a path, in gradient order. */
interface ProjectionWeights<T extends tf.Tensor> {
  /** `[s, s, in, out]` for a patch convolution, `[in, out]` for a linear layer. */
  kernel: T;
  /** `[out]` */
  bias: T;
}

/**
 * Weights of one path of a fusion: a projection and its LayerNorm, in gradient order; or the LayerNorm
 * alone, where the levels have one width.
 */
export type PathWeights<T extends tf.Tensor = tf.Tensor> = NormWeights<T> &
  (ProjectionWeights<T> | { kernel?: undefined; bias?: undefined });

interface NormWeights<T extends tf.Tensor> {
  /** LayerNorm scale, `[out]` */
  gamma: T;
  /** LayerNorm shift, `[out]` */
  beta: T;
}

function isPatch({ kernel }: ProjectionWeights<tf.Tensor>): boolean {
  return kernel.rank === 4;
}

function pathForward(x: tf.Tensor, w: PathWeights): Normalized & { y: tf.Tensor } {
  return tidyAll(() => {
    const projected = w.kernel ? projectForward(x, w) : x;
    const { xhat, rstd } = normalize(projected);
    if (projected !== x) free(projected);
    return { xhat, rstd, y: affineForward(xhat, w.gamma, w.beta) };
  });
}

function projectForward(x: tf.Tensor, w: ProjectionWeights<tf.Tensor>): tf.Tensor {
  const project = isPatch(w) ? patchConvForward : linearForward;
  return withKernel(w.kernel, (kernel) => project(x, kernel, w.bias));
}

/** Gradients of one path, in the order of its weights. */
interface PathGradients {
  dx: tf.Tensor;
  /** Empty when they are not trained. */
  dWeights: tf.Tensor[];
  /** Of what is added to the kernel. */
  dChange: tf.Tensor[];
}

/** Gradients of a path; frees its activations. */
function pathBackward(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: PathWeights,
  normalized: Normalized,
  trainable: boolean,
): PathGradients {
  return tidyAll(() => {
    const norm = trainable ? affineGradients(dy, normalized) : [];
    const dProjected = affineBackwardInput(dy, w.gamma, normalized);
    free(normalized.xhat, normalized.rstd);
    if (!w.kernel) return { dx: dProjected, dWeights: norm, dChange: [] };
    const { dx, dWeights, dChange } = projectBackward(dProjected, x, w, trainable);
    return { dx, dWeights: [...dWeights, ...norm], dChange };
  });
}

function projectBackward(
  dy: tf.Tensor,
  x: tf.Tensor,
  w: ProjectionWeights<tf.Tensor>,
  trainable: boolean,
): PathGradients {
  const dWeights = trainable
    ? [
        isPatch(w) ? patchConvBackwardKernel(dy, x, w.kernel.shape) : linearBackwardKernel(dy, x),
        linearBackwardBias(dy),
      ]
    : [];
  const dChange = lowRankGradients(dy, () => rowsFor(x, w.kernel), w.kernel);
  const dx = withKernel(w.kernel, (kernel) =>
    isPatch(w) ? patchConvBackwardInput(dy, kernel, x.shape) : linearBackwardInput(dy, kernel),
  );
  return { dx, dWeights, dChange };
}

function pathComposed(x: tf.Tensor, w: PathWeights): tf.Tensor {
  if (!w.kernel) return layerNorm(x, w.gamma, w.beta);
  const op = isPatch(w) ? patchConv : linear;
  const project = (u: tf.Tensor, kernel: tf.Tensor) => op(u, kernel, w.bias);
  return layerNorm(projectChanged(project, x, w.kernel), w.gamma, w.beta);
}

function weightsOf(w: PathWeights<tf.Variable>): tf.Variable[] {
  return [...(w.kernel ? [w.kernel, w.bias] : []), w.gamma, w.beta];
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
 * level 0, one from the previous column's top level. A path without a kernel is its LayerNorm alone.
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
      ...(trainable ? known.flatMap(weightsOf) : []),
      ...lowRankVariables(known.flatMap(({ kernel }) => kernel ?? [])),
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
