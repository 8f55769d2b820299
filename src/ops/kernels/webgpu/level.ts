/** What levels are added up by, and undone by, on webgpu. */
import * as tf from '@tensorflow/tfjs-core';

import { DOUBLED_GRAD, DOUBLED_SUM, SCALED_SUM, UNDO_LEVEL } from '../contract';
import { zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel } from './backend';
import { elementwise, runExpression } from './elementwise';
import { groupsFor, runSingle, type Source, THREADS } from './program';

const SCALED_AND_SHIFTED = elementwise({
  name: 'scaled_and_shifted',
  inputs: ['X', 'scale', 'shift'],
  expressions: ['X * scale + shift'],
});
const SCALED_AND_OTHER = elementwise({
  name: 'scaled_and_other',
  inputs: ['X', 'scale', 'Other'],
  expressions: ['X * scale + Other'],
});

export const scaledSum = webgpuKernel(SCALED_SUM, (backend, { x, scale, other }) => {
  const source = other.shape.length === 1 ? SCALED_AND_SHIFTED : SCALED_AND_OTHER;
  return runExpression(backend, source, [x, scale, other]);
});

const UNDONE = elementwise({
  name: 'undone',
  inputs: ['C', 'F', 'alpha'],
  expressions: ['(C - F) / alpha'],
});

export const undoLevel = webgpuKernel(UNDO_LEVEL, (backend, { c, f, alpha }) =>
  runExpression(backend, UNDONE, [c, f, alpha]),
);

/** Sizes of the smaller image. */
const IMAGE = { count: 'i32', width: 'i32', channels: 'i32' } as const;

const DOUBLE: Source = {
  name: 'double',
  inputs: ['X', 'Other'],
  uniforms: IMAGE,
  threads: THREADS,
  main: `
  if (index >= uniforms.count) { return; }
  let pixel = index / uniforms.channels;
  let row = pixel / (2 * uniforms.width);
  let x = (pixel - row * 2 * uniforms.width) / 2;
  let channel = index - pixel * uniforms.channels;
  result[index] = X[(row / 2 * uniforms.width + x) * uniforms.channels + channel] + Other[index];`,
};

const HALVE: Source = {
  name: 'halve',
  inputs: ['D'],
  uniforms: IMAGE,
  threads: THREADS,
  main: `
  if (index >= uniforms.count) { return; }
  let pixel = index / uniforms.channels;
  let row = pixel / uniforms.width;
  let x = pixel - row * uniforms.width;
  let channel = index - pixel * uniforms.channels;
  let line = 2 * uniforms.width * uniforms.channels;
  let at = 2 * row * line + 2 * x * uniforms.channels + channel;
  result[index] = D[at] + D[at + uniforms.channels] + D[at + line] + D[at + line + uniforms.channels];`,
};

function resized(
  backend: WebgpuBackend,
  source: Source,
  tensors: readonly tf.TensorInfo[],
  shape: readonly number[],
  [, , width, channels]: readonly number[],
): tf.TensorInfo {
  const count = tf.util.sizeFromShape([...shape]);
  if (count === 0) return zeros(backend, shape);
  const values = { count, width: width as number, channels: channels as number };
  return runSingle(backend, source, tensors, [shape], groupsFor(count), values);
}

export const doubledSum = webgpuKernel(DOUBLED_SUM, (backend, { x, other }) =>
  resized(backend, DOUBLE, [x, other], other.shape, x.shape),
);

export const doubledGrad = webgpuKernel(DOUBLED_GRAD, (backend, { dy }) => {
  const [batch, height, width, channels] = dy.shape as [number, number, number, number];
  const shape = [batch, height / 2, width / 2, channels];
  return resized(backend, HALVE, [dy], shape, shape);
});
