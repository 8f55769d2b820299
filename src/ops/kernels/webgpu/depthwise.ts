/** Depthwise convolution with stride 1 and 'same' padding, and its gradients, on webgpu. */
import type * as tf from '@tensorflow/tfjs-core';

import { DEPTHWISE, DEPTHWISE_INPUT_GRAD, DEPTHWISE_KERNEL_GRAD } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel } from './backend';
import { groupsFor, runProgram, runSingle, type Source, THREADS } from './program';
import { blocksOf, byColumns, COLUMN, inParts, LANES, partition } from './sums';

/** `columns` are channels; `side` is that of the kernel, `before` how many pixels before a pixel it begins. */
const SIZES = {
  count: 'i32',
  height: 'i32',
  width: 'i32',
  columns: 'i32',
  side: 'i32',
  before: 'i32',
} as const;

/** Correlation with the kernel, or, for the gradient, with the kernel turned round. */
const convolution = (isTurned: boolean): Source => ({
  name: isTurned ? 'depthwise_input_grad' : 'depthwise',
  inputs: ['X', 'Kernel', 'Added'],
  uniforms: SIZES,
  threads: THREADS,
  main: `
  if (index >= uniforms.count) { return; }
  let pixel = index / uniforms.columns;
  let channel = index - pixel * uniforms.columns;
  let row = pixel / uniforms.width;
  let x = pixel - row * uniforms.width;
  let firstRow = row / uniforms.height * uniforms.height;
  let y = row - firstRow;
  var sum = Added[${isTurned ? 'index' : 'channel'}];
  for (var i = max(0, uniforms.before - y); i < min(uniforms.side, uniforms.height + uniforms.before - y); i++) {
    let line = (firstRow + y + i - uniforms.before) * uniforms.width + x - uniforms.before;
    for (var j = max(0, uniforms.before - x); j < min(uniforms.side, uniforms.width + uniforms.before - x); j++) {
      let tap = ${isTurned ? '(uniforms.side - 1 - i) * uniforms.side + uniforms.side - 1 - j' : 'i * uniforms.side + j'};
      sum += X[(line + j) * uniforms.columns + channel] * Kernel[tap * uniforms.columns + channel];
    }
  }
  result[index] = sum;`,
});
const FORWARD = convolution(false);
const BACKWARD = convolution(true);

function sizesOf(image: tf.TensorInfo, kernel: tf.TensorInfo, isTurned: boolean) {
  const [, height, width, columns] = image.shape as [number, number, number, number];
  const side = kernel.shape[0] as number;
  const before = Math.floor((side - 1) / 2);
  return {
    count: sizeOf(image),
    ...{ height, width, columns, side },
    before: isTurned ? side - 1 - before : before,
  };
}

function convolve(
  backend: WebgpuBackend,
  source: Source,
  x: tf.TensorInfo,
  kernel: tf.TensorInfo,
  added: tf.TensorInfo,
): tf.TensorInfo {
  if (sizeOf(x) === 0) return zeros(backend, x.shape);
  const sizes = sizesOf(x, kernel, source === BACKWARD);
  const groups = groupsFor(sizes.count);
  return runSingle(backend, source, [x, kernel, added], [x.shape], groups, sizes);
}

export const depthwise = webgpuKernel(DEPTHWISE, (backend, { x, kernel, bias }) =>
  convolve(backend, FORWARD, x, kernel, bias),
);

export const depthwiseInputGrad = webgpuKernel(
  DEPTHWISE_INPUT_GRAD,
  (backend, { dy, kernel, other }) => convolve(backend, BACKWARD, dy, kernel, other),
);

/** Pixels that a workgroup adds up at most. */
const PIXELS_AT_ONCE = 4096;

/** Sums over `pixels` pixels each, for each tap, and after the last tap for the bias. count: pixels in all. */
const KERNEL_GRADIENT: Source = {
  name: 'depthwise_kernel_grad',
  inputs: ['X', 'D'],
  outputs: ['bias'],
  uniforms: { ...SIZES, pixels: 'i32' },
  threads: THREADS,
  functions: byColumns('f32'),
  main: `${COLUMN}
  let taps = uniforms.side * uniforms.side;
  let place = group / blocks;
  let part = place / (taps + 1);
  let tap = place - part * (taps + 1);
  let shift = vec2<i32>(tap / uniforms.side, tap % uniforms.side) - uniforms.before;
  let end = select(0, min(uniforms.count, (part + 1) * uniforms.pixels), column < uniforms.columns);
  var sum = 0.0;
  for (var pixel = part * uniforms.pixels + lane; pixel < end; pixel += ${LANES}) {
    let d = D[pixel * uniforms.columns + column];
    if (tap == taps) {
      sum += d;
      continue;
    }
    let row = pixel / uniforms.width;
    let y = row % uniforms.height + shift.x;
    let x = pixel - row * uniforms.width + shift.y;
    if (y < 0 || y >= uniforms.height || x < 0 || x >= uniforms.width) { continue; }
    sum += d * X[(pixel + shift.x * uniforms.width + shift.y) * uniforms.columns + column];
  }
  sum = added(sum);
  if (lane > 0 || column >= uniforms.columns || part * uniforms.pixels >= uniforms.count) { return; }
  if (tap < taps) {
    result[(part * taps + tap) * uniforms.columns + column] = sum;
  } else {
    bias[part * uniforms.columns + column] = sum;
  }`,
};

export const depthwiseKernelGrad = webgpuKernel(
  DEPTHWISE_KERNEL_GRAD,
  (backend, { x, dy, kernel }) => {
    const [side, , channels] = kernel.shape as [number, number, number, number];
    const shapes = [kernel.shape, [channels]];
    if (sizeOf(x) === 0) {
      return {
        dKernel: zeros(backend, kernel.shape),
        dBias: zeros(backend, [channels]),
      };
    }
    const count = sizeOf(x) / channels;
    const pixels = partition(count, Math.ceil(count / PIXELS_AT_ONCE));
    const groups = pixels.parts * (side * side + 1) * blocksOf(channels);
    const values = { ...sizesOf(x, kernel, false), count, pixels: pixels.count };
    const [dKernel, dBias] = inParts(backend, pixels.parts, shapes, (partial) =>
      runProgram(backend, KERNEL_GRADIENT, [x, dy], partial, groups, values),
    ) as [tf.TensorInfo, tf.TensorInfo];
    return { dKernel, dBias };
  },
);
