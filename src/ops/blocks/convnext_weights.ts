/** The weights of a ConvNeXt block, and how norms and scales fold into its products. */
import * as tf from '@tensorflow/tfjs-core';

import { tidyAll } from '../engine/tensors';
import { type FoldedGelu, foldedGelu } from '../gelu';
import { changedKernel, lowRankOf } from '../low_rank';

/** Weights of a ConvNeXt block with `c` channels and hidden width `m`, in gradient order. */
export interface ConvNextWeights<T extends tf.Tensor = tf.Tensor> {
  /** `[k, k, c, 1]` */
  depthwiseKernel: T;
  /** `[c]` */
  depthwiseBias: T;
  /** LayerNorm scale, `[c]` */
  gamma: T;
  /** LayerNorm shift, `[c]` */
  beta: T;
  /** `[c, m]` */
  expandKernel: T;
  /** `[m]` */
  expandBias: T;
  /** `[m, c]` */
  projectKernel: T;
  /** `[c]` */
  projectBias: T;
  /** `[c]` */
  layerScale: T;
}

/**
 * LayerNorm's scale and shift folded into the expansion, and layer scale into the projection, so
 * that the big tensors see only normalise, product, GELU, product. `(x g + b) W + c = x (g W) +
 * (b W + c)`. GELU's own factors go the same way.
 */
export interface FoldedWeights {
  w1: tf.Tensor2D;
  b1: tf.Tensor;
  w2: tf.Tensor2D;
  b2: tf.Tensor;
  gelu: FoldedGelu;
}

/** Multiplies small vectors by GELU's factor, where it has one. */
export function scaled(x: tf.Tensor, { scale }: FoldedGelu): tf.Tensor {
  return scale === 1 ? x : tf.mul(x, scale);
}

/** A kernel together with what is added to it; within a tidy. */
export function wholeKernel(kernel: tf.Tensor): tf.Tensor {
  const change = lowRankOf(kernel);
  return change ? changedKernel(kernel, change) : kernel;
}

/** Weights and their changes, folded. */
export function fold(w: ConvNextWeights): FoldedWeights {
  return tidyAll(() => {
    const g = foldedGelu();
    const [expand, project] = [wholeKernel(w.expandKernel), wholeKernel(w.projectKernel)];
    const shift = tf.reshape(w.beta, [1, -1]) as tf.Tensor2D;
    const bias = tf.add(tf.reshape(tf.matMul(shift, expand as tf.Tensor2D), [-1]), w.expandBias);
    return {
      w1: tf.mul(tf.reshape(scaled(w.gamma, g), [-1, 1]), expand) as tf.Tensor2D,
      b1: scaled(bias, g),
      w2: tf.mul(project, scaled(w.layerScale, g)) as tf.Tensor2D,
      b2: tf.mul(w.projectBias, w.layerScale),
      gelu: g,
    };
  });
}
