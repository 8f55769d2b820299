import * as tf from '@tensorflow/tfjs-core';

import { defineOp, runFused } from './engine/define_op';
import { columnSum, toMatrix } from './mat_mul';

/** Epsilon of every LayerNorm in the published models. */
export const LAYER_NORM_EPSILON = 1e-6;

/** Normalised input and the factor that normalised it. */
export interface Normalized {
  /** `(x - mean) * rstd`, shape of `x`. */
  xhat: tf.Tensor;
  /** `1 / sqrt(variance + epsilon)`, shape of `x` with 1 as the last axis. */
  rstd: tf.Tensor;
}

/** Normalises over the last axis (biased variance), without scale and shift. */
export function normalize(x: tf.Tensor, epsilon = LAYER_NORM_EPSILON): Normalized {
  const [xhat, rstd] = runFused<tf.Tensor[]>('RevColLayerNorm', { x }, { epsilon }, () => {
    const centered = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centered), -1, true);
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    return [tf.mul(centered, inverse), inverse];
  });
  return { xhat: xhat as tf.Tensor, rstd: rstd as tf.Tensor };
}

/** Gradient of `normalize`: `rstd * (dy - mean(dy) - xhat * mean(dy * xhat))`. */
export function normalizeBackward(dy: tf.Tensor, { xhat, rstd }: Normalized): tf.Tensor {
  return runFused('RevColLayerNormGrad', { dy, xhat, rstd }, {}, () => {
    const along = tf.mul(xhat, tf.mean(tf.mul(dy, xhat), -1, true));
    return tf.mul(rstd, tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along));
  });
}

const layerNormOp = defineOp<{ epsilon: number }>({
  name: 'RevColAffineLayerNorm',
  inputNames: ['x', 'gamma', 'beta'],
  forward: ([x, gamma, beta], { epsilon }) => {
    const { xhat } = normalize(x as tf.Tensor, epsilon);
    return tf.add(tf.mul(xhat, gamma as tf.Tensor), beta as tf.Tensor);
  },
  backward: (dy, [x, gamma], { epsilon }) => [
    () => normalizeBackward(tf.mul(dy, gamma as tf.Tensor), normalize(x as tf.Tensor, epsilon)),
    () => columnSum(toMatrix(tf.mul(dy, normalize(x as tf.Tensor, epsilon).xhat))),
    () => columnSum(toMatrix(dy)),
  ],
});

/**
 * Layer normalisation over the last axis, as one tape node that saves its input only
 * (`tf.layers.layerNormalization` tiles mean and variance to the full shape).
 *
 * @param x `[..., channels]`, float32
 * @param gamma scale, `[channels]`
 * @param beta shift, `[channels]`
 * @param epsilon added to the variance; 1e-6 as in the published models
 */
export function layerNorm(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon = LAYER_NORM_EPSILON,
): tf.Tensor {
  return layerNormOp([x, gamma, beta], { epsilon });
}
