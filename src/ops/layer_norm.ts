/** Layer normalisation, plain and with scale and shift: forward, gradients, and as one tape node. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum, productSum } from './column_sum';
import { defineOp } from './engine/define_op';
import { free } from './engine/tensors';
import { AFFINE_NORM_GRAD, LAYER_NORM, LAYER_NORM_GRAD } from './kernels/contract';
import { runFused } from './kernels/fused';
import { scaledSum } from './scaled_sum';

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
  return runFused(LAYER_NORM, { x }, { epsilon }, () => {
    const centered = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centered), -1, true);
    const rstd = tf.rsqrt(tf.add(variance, epsilon));
    return { xhat: tf.mul(centered, rstd), rstd };
  });
}

/** Gradient of `normalize`: `rstd * (dy - mean(dy) - xhat * mean(dy * xhat))`. */
export function normalizeBackward(dy: tf.Tensor, { xhat, rstd }: Normalized): tf.Tensor {
  return runFused(LAYER_NORM_GRAD, { dy, xhat, rstd }, {}, () => {
    const along = tf.mul(xhat, tf.mean(tf.mul(dy, xhat), -1, true));
    return tf.mul(rstd, tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along));
  });
}

/** `xhat * gamma + beta`: what makes a normalised tensor the output of an affine LayerNorm. */
export function affineForward(xhat: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  return scaledSum(xhat, gamma, beta);
}

/** Gradient of an affine LayerNorm with respect to its input, given what `normalize` gave. */
export function affineBackwardInput(
  dy: tf.Tensor,
  gamma: tf.Tensor,
  normalized: Normalized,
): tf.Tensor {
  const { xhat, rstd } = normalized;
  return runFused(AFFINE_NORM_GRAD, { dy, gamma, xhat, rstd }, {}, () => {
    const dXhat = tf.mul(dy, gamma);
    const dx = normalizeBackward(dXhat, normalized);
    free(dXhat);
    return dx;
  });
}

/** Gradient of an affine LayerNorm with respect to its scale. */
function scaleGradient(dy: tf.Tensor, xhat: tf.Tensor): tf.Tensor {
  return productSum(dy, xhat);
}

/** Gradients of an affine LayerNorm with respect to its scale and its shift. */
export function affineGradients(
  dy: tf.Tensor,
  { xhat }: Pick<Normalized, 'xhat'>,
): [dGamma: tf.Tensor, dBeta: tf.Tensor] {
  return [scaleGradient(dy, xhat), columnSum(dy)];
}

const layerNormOp = defineOp({
  name: 'RevColAffineLayerNorm',
  inputs: ['x', 'gamma', 'beta'],
  forward: ({ x, gamma, beta }, { epsilon }: { epsilon: number }) =>
    affineForward(normalize(x, epsilon).xhat, gamma, beta),
  backward: (dy, { x, gamma }, { epsilon }) => ({
    x: () => affineBackwardInput(dy, gamma, normalize(x, epsilon)),
    gamma: () => scaleGradient(dy, normalize(x, epsilon).xhat),
    beta: () => columnSum(dy),
  }),
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
  return layerNormOp({ x, gamma, beta }, { epsilon });
}
