/** The exact GELU and its gradient in one program each, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { GELU, GELU_GRAD } from '../contract';
import { sizeOf, type WebglBackend, webglKernel, zeros } from './backend';
import { layoutOf, runProgram, type Source } from './program';

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

const SIZE = { size: 'ivec2' } as const;
const sizes = ({ shape }: tf.TensorInfo) => {
  const { rows, columns } = layoutOf(shape);
  return { size: [rows, columns] };
};

const FORWARD: Source = {
  inputs: ['X'],
  uniforms: SIZE,
  functions: NORMAL,
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  setOutput(inside(gelu(atX(at.x, at.y, width)), at.x, size.x, at.y, size.y));`,
};

const GRADIENT: Source = {
  inputs: ['X', 'D'],
  uniforms: SIZE,
  functions: NORMAL,
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  vec4 dx = atD(at.x, at.y, width) * geluSlope(atX(at.x, at.y, width));
  setOutput(inside(dx, at.x, size.x, at.y, size.y));`,
};

/** GELU of a tensor of any shape. */
export function geluOf(backend: WebglBackend, x: tf.TensorInfo): tf.TensorInfo {
  if (sizeOf(x) === 0) return zeros(backend, x.shape);
  return runProgram(backend, FORWARD, [x], x.shape, sizes(x));
}

export const gelu = webglKernel(GELU, (backend, { x }) => geluOf(backend, x));

export const geluGrad = webglKernel(GELU_GRAD, (backend, { x, dy }) => {
  if (sizeOf(x) === 0) return zeros(backend, x.shape);
  return runProgram(backend, GRADIENT, [x, dy], x.shape, sizes(x));
});
