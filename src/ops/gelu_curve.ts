/** The curve `t (1 + erf t)`, which is a GELU up to factors, from tfjs's own operations. */
import * as tf from '@tensorflow/tfjs-core';

import { free } from './engine/tensors';

/** Factor before and after the curve that makes it a GELU. */
export const CURVE_SCALE = Math.SQRT1_2;

/** Logarithm of the factor in the derivative of erf, `2 / sqrt(pi) exp(-t^2)`. */
const LOG_ERF_SLOPE = Math.log(2 / Math.sqrt(Math.PI));

function onePlusErf(t: tf.Tensor): tf.Tensor {
  const erf = tf.erf(t);
  const sum = tf.add(erf, 1);
  free(erf);
  return sum;
}

/** `t (1 + erf t)`. */
export function curve(t: tf.Tensor): tf.Tensor {
  const factor = onePlusErf(t);
  const y = tf.mul(t, factor);
  free(factor);
  return y;
}

/** The curve's slope, `1 + erf t + t erf'(t)`, given `1 + erf t`. */
function slopeFrom(t: tf.Tensor, factor: tf.Tensor): tf.Tensor {
  const square = tf.square(t);
  // The constant factor rides on the change of sign.
  const logarithm = tf.sub(LOG_ERF_SLOPE, square);
  free(square);
  const erfSlope = tf.exp(logarithm);
  free(logarithm);
  const along = tf.mul(t, erfSlope);
  free(erfSlope);
  const sum = tf.add(factor, along);
  free(along);
  return sum;
}

/** The curve's slope at `t`. */
export function curveSlope(t: tf.Tensor): tf.Tensor {
  const factor = onePlusErf(t);
  const slope = slopeFrom(t, factor);
  free(factor);
  return slope;
}

/** A nonlinearity at one input, for its value and gradient to share what they can. */
export interface CurvePoint {
  /** The value, a new tensor with each call. */
  value(): tf.Tensor;
  /** Gradient of the input given that of the value; to be called once, as the last. */
  pullback(dy: tf.Tensor): tf.Tensor;
}

/** The curve at `t`, which it takes over. Keeps value and slope, and so computes erf only once. */
export function curveAt(t: tf.Tensor): CurvePoint {
  const factor = onePlusErf(t);
  const slope = slopeFrom(t, factor);
  const value = tf.mul(t, factor);
  free(t, factor);
  return {
    value: () => tf.clone(value),
    pullback: (dy) => {
      free(value);
      const dt = tf.mul(dy, slope);
      free(slope);
      return dt;
    },
  };
}
