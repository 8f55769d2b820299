/**
 * Linear layers that absorb what stands next to them: `normedLinear` LayerNorm's scale and shift
 * before it, `scaledLinear` a factor per channel after it. Either goes into the weights, or onto
 * the rows, whichever is smaller: images of many pixels, or a deep network's many weights.
 */
import * as tf from '@tensorflow/tfjs-core';

import { affine2d, columnSum, matMul2d } from './mat_mul';
import { free, tidyAll } from './reversible/stage';

/** A linear layer for one run: forward, and then at most once backward. */
export interface AbsorbingLinear {
  forward(x: tf.Tensor): tf.Tensor2D;
  /**
   * Gradients given the input and that of the output; frees what the layer holds, and `x` as soon as
   * that is done with.
   *
   * @param trainable whether weight gradients are wanted; else `dWeights` is empty
   */
  backward(
    x: tf.Tensor,
    dy: tf.Tensor,
    trainable: boolean,
  ): { dx: tf.Tensor; dWeights: tf.Tensor[] };
}

/** Whether a factor costs less on the weights than on the rows. */
function weightsAreFewer(rows: number, kernel: tf.Tensor): boolean {
  return rows > Math.max(...kernel.shape);
}

/** Weights of `normedLinear`, in gradient order. */
export interface NormedLinearWeights {
  /** LayerNorm scale, `[in]` */
  gamma: tf.Tensor;
  /** LayerNorm shift, `[in]` */
  beta: tf.Tensor;
  /** `[in, out]` */
  kernel: tf.Tensor;
  /** `[out]` */
  bias: tf.Tensor;
}

/**
 * `factor ((x gamma + beta) kernel + bias)` of rows `[rows, in]`.
 *
 * @param factor goes wherever gamma goes, at no cost
 */
export function normedLinear(
  w: NormedLinearWeights,
  factor: number,
  rows: number,
): AbsorbingLinear {
  return weightsAreFewer(rows, w.kernel) ? normedByWeights(w, factor) : normedByRows(w, factor);
}

/** `(x g + b) W + c = x (g W) + (b W + c)` */
function normedByWeights(w: NormedLinearWeights, factor: number): AbsorbingLinear {
  const { gamma, kernel, bias } = tidyAll(() => {
    const scale = times(w.gamma, factor);
    const shift = tf.reshape(matMul2d(tf.reshape(w.beta, [1, -1]), w.kernel), [-1]);
    return {
      gamma: scale === w.gamma ? tf.clone(scale) : scale,
      kernel: tf.mul(column(scale), w.kernel),
      bias: times(tf.add(shift, w.bias), factor),
    };
  });
  const weightGradients = (x: tf.Tensor, dy: tf.Tensor) =>
    tf.tidy(() => {
      const dFolded = matMul2d(x, dy, true);
      const dBias = times(columnSum(dy), factor);
      const dGamma = times(tf.sum(tf.mul(dFolded, w.kernel), 1), factor);
      const dBeta = tf.reshape(matMul2d(w.kernel, column(dBias)), [-1]);
      const throughShift = tf.mul(column(w.beta), tf.reshape(dBias, [1, -1]));
      const dKernel = tf.add(tf.mul(dFolded, column(gamma)), throughShift);
      return [dGamma, dBeta, dKernel, dBias];
    });
  return {
    forward: (x) => affine2d(x, kernel, bias),
    backward: (x, dy, trainable) => {
      const dWeights = trainable ? weightGradients(x, dy) : [];
      free(x);
      const dx = matMul2d(dy, kernel, false, true);
      free(gamma, kernel, bias);
      return { dx, dWeights };
    },
  };
}

function normedByRows(w: NormedLinearWeights, factor: number): AbsorbingLinear {
  const affine = (x: tf.Tensor) =>
    tf.tidy(() => tf.add(tf.mul(x, times(w.gamma, factor)), times(w.beta, factor)));
  const weightGradients = (x: tf.Tensor, dy: tf.Tensor, dAffine: tf.Tensor) =>
    tf.tidy(() => [
      times(columnSum(tf.mul(dAffine, x)), factor),
      times(columnSum(dAffine), factor),
      matMul2d(affine(x), dy, true),
      times(columnSum(dy), factor),
    ]);
  return {
    forward: (x) => tf.tidy(() => affine2d(affine(x), w.kernel, times(w.bias, factor))),
    backward: (x, dy, trainable) =>
      tidyAll(() => {
        const dAffine = matMul2d(dy, w.kernel, false, true);
        const dWeights = trainable ? weightGradients(x, dy, dAffine) : [];
        free(x);
        return { dx: tf.mul(dAffine, times(w.gamma, factor)), dWeights };
      }),
  };
}

/** Weights of `scaledLinear`, in gradient order. */
export interface ScaledLinearWeights {
  /** `[in, out]` */
  kernel: tf.Tensor;
  /** `[out]` */
  bias: tf.Tensor;
  /** Factor of each output, `[out]` */
  scale: tf.Tensor;
}

/**
 * `(factor x kernel + bias) scale` of rows `[rows, in]`.
 *
 * @param factor goes wherever the scale goes, at no cost
 */
export function scaledLinear(
  w: ScaledLinearWeights,
  factor: number,
  rows: number,
): AbsorbingLinear {
  return weightsAreFewer(rows, w.kernel) ? scaledByWeights(w, factor) : scaledByRows(w, factor);
}

function scaledByWeights(w: ScaledLinearWeights, factor: number): AbsorbingLinear {
  const { kernel, bias } = tidyAll(() => ({
    kernel: tf.mul(w.kernel, times(w.scale, factor)),
    bias: tf.mul(w.bias, w.scale),
  }));
  const weightGradients = (x: tf.Tensor, dy: tf.Tensor) =>
    tf.tidy(() => {
      const dFolded = matMul2d(x, dy, true);
      const dBias = columnSum(dy);
      const throughKernel = times(columnSum(tf.mul(dFolded, w.kernel)), factor);
      return [
        tf.mul(dFolded, times(w.scale, factor)),
        tf.mul(dBias, w.scale),
        tf.add(throughKernel, tf.mul(dBias, w.bias)),
      ];
    });
  return {
    forward: (x) => affine2d(x, kernel, bias),
    backward: (x, dy, trainable) => {
      const dWeights = trainable ? weightGradients(x, dy) : [];
      free(x);
      const dx = matMul2d(dy, kernel, false, true);
      free(kernel, bias);
      return { dx, dWeights };
    },
  };
}

function scaledByRows(w: ScaledLinearWeights, factor: number): AbsorbingLinear {
  /** Output before bias and scale. */
  let product: tf.Tensor | null = null;
  const weightGradients = (x: tf.Tensor, dy: tf.Tensor, dProduct: tf.Tensor) =>
    tf.tidy(() => {
      const dBias = columnSum(dy);
      const throughProduct = times(columnSum(tf.mul(dy, product as tf.Tensor)), factor);
      return [
        matMul2d(x, dProduct, true),
        tf.mul(dBias, w.scale),
        tf.add(throughProduct, tf.mul(dBias, w.bias)),
      ];
    });
  return {
    forward: (x) => {
      const xw = matMul2d(x, w.kernel);
      product = xw;
      return tf.tidy(() =>
        tf.add(tf.mul(xw, times(w.scale, factor)), tf.mul(w.bias, w.scale)),
      ) as tf.Tensor2D;
    },
    backward: (x, dy, trainable) =>
      tidyAll(() => {
        const dProduct = tf.mul(dy, times(w.scale, factor));
        const dWeights = trainable ? weightGradients(x, dy, dProduct) : [];
        free(x, product);
        return { dx: matMul2d(dProduct, w.kernel, false, true), dWeights };
      }),
  };
}

function times(x: tf.Tensor, factor: number): tf.Tensor {
  return factor === 1 ? x : tf.mul(x, factor);
}

function column(x: tf.Tensor): tf.Tensor {
  return tf.reshape(x, [-1, 1]);
}
