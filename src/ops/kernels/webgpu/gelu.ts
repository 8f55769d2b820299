/** The exact GELU and its gradient in one program each, on webgpu. */
import { GELU, GELU_GRAD } from '../contract';
import { webgpuKernel } from './backend';
import { elementwise, runExpression } from './elementwise';

/**
 * `Phi(x)`, the normal distribution (Abramowitz and Stegun 1964, 7.1.26, off by at most 8e-8). Where x is
 * negative it is not taken from 1, so that small values keep their digits.
 */
export const NORMAL = `
fn normal(x : f32) -> f32 {
  let t = abs(x) * ${Math.SQRT1_2};
  let k = 1.0 / (1.0 + 0.3275911 * t);
  let sum = k * (0.254829592 + k * (-0.284496736 + k * (1.421413741 + k * (-1.453152027 + k * 1.061405429))));
  let tail = 0.5 * sum * exp(-t * t);
  return select(tail, 1.0 - tail, x > 0.0);
}
fn gelu(x : f32) -> f32 { return x * normal(x); }
fn geluSlope(x : f32) -> f32 {
  return normal(x) + x * exp(-0.5 * x * x) * ${1 / Math.sqrt(2 * Math.PI)};
}
`;

const FORWARD = elementwise({
  name: 'gelu',
  inputs: ['X'],
  functions: NORMAL,
  expressions: ['gelu(X)'],
});

export const gelu = webgpuKernel(GELU, (backend, { x }) => runExpression(backend, FORWARD, [x]));

const GRADIENT = elementwise({
  name: 'gelu_grad',
  inputs: ['X', 'D'],
  functions: NORMAL,
  expressions: ['D * geluSlope(X)'],
});

export const geluGrad = webgpuKernel(GELU_GRAD, (backend, { x, dy }) =>
  runExpression(backend, GRADIENT, [x, dy]),
);
