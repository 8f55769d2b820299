/** The exact GELU and its gradient in one program each, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { GELU, GELU_GRAD } from '../contract';
import { type WebglBackend, webglKernel } from './backend';
import { runElementwise } from './elementwise';

/**
 * `Phi(x)`, the normal distribution (Abramowitz and Stegun 1964, 7.1.26, off by at most 8e-8). Where x is
 * negative it is not taken from 1, so that small values keep their digits.
 */
export const NORMAL = `
vec4 normal(vec4 x) {
  vec4 t = abs(x) * ${Math.SQRT1_2};
  vec4 k = 1. / (1. + 0.3275911 * t);
  vec4 sum = k * (0.254829592 + k * (-0.284496736 + k * (1.421413741 + k * (-1.453152027 + k * 1.061405429))));
  vec4 tail = 0.5 * sum * exp(-t * t);
  return mix(tail, 1. - tail, vec4(greaterThan(x, vec4(0.))));
}
vec4 gelu(vec4 x) { return x * normal(x); }
vec4 geluSlope(vec4 x) {
  return normal(x) + x * exp(-0.5 * x * x) * ${1 / Math.sqrt(2 * Math.PI)};
}
`;

const FORWARD = { inputs: ['X'], functions: NORMAL, expression: 'gelu(X)' };

/** GELU of a tensor of any shape. */
export function geluOf(backend: WebglBackend, x: tf.TensorInfo): tf.TensorInfo {
  return runElementwise(backend, FORWARD, [x]);
}

export const gelu = webglKernel(GELU, (backend, { x }) => geluOf(backend, x));

const GRADIENT = { inputs: ['X', 'D'], functions: NORMAL, expression: 'D * geluSlope(X)' };

export const geluGrad = webglKernel(GELU_GRAD, (backend, { x, dy }) =>
  runElementwise(backend, GRADIENT, [x, dy]),
);
