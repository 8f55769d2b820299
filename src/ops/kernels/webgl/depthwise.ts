/** Depthwise convolution with stride 1 and 'same' padding, and its gradients, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { DEPTHWISE, DEPTHWISE_INPUT_GRAD, DEPTHWISE_KERNEL_GRAD } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { sumOfRows } from './column_sum';
import { runProgram, type Source } from './program';

/** Two channels of a pixel, 0 outside of its image, whose first row among those of all is given. image: height, width, channels. */
const PIXEL = (name: string) => `
vec2 pixelOf${name}(int firstRow, int y, int x) {
  if (y < 0 || y >= image.x || x < 0 || x >= image.y) return vec2(0.);
  int pairs = (image.y + 1) / 2;
  int channels = (image.z + 1) / 2;
  vec4 v = at${name}((firstRow + y) * pairs + x / 2, channel, channels);
  return (x & 1) == 0 ? v.xy : v.zw;
}`;

/**
 * Correlation with the kernel, or, for the gradient, with the kernel turned round. kernelSize: its side, and
 * how many pixels before a pixel it begins.
 */
const convolution = (isTurned: boolean): Source => ({
  inputs: ['X', 'Kernel', isTurned ? 'Other' : 'Bias'],
  uniforms: { image: 'ivec3', taps: 'ivec2' },
  functions: `int channel;${PIXEL('X')}`,
  main: `
  int channels = (image.z + 1) / 2;
  int pairs = (image.y + 1) / 2;
  ivec2 at = here(channels);
  channel = at.y;
  int row = at.x / pairs;
  int x = 2 * (at.x - row * pairs);
  int firstRow = row / image.x * image.x;
  int y = row - firstRow;
  vec4 sum = ${isTurned ? 'atOther(at.x, at.y, channels)' : 'atBias(0, at.y, channels).xyxy'};
  for (int i = 0; i < taps.x; i++) {
    vec2 before = vec2(0.);
    for (int j = 0; j <= taps.x; j++) {
      vec2 weight = vec2(0.);
      if (j < taps.x) {
        int tap = ${isTurned ? '(taps.x - 1 - i) * taps.x + taps.x - 1 - j' : 'i * taps.x + j'};
        weight = atKernel(tap * channels + at.y, 0, 1).xz;
      }
      vec2 pixel = pixelOfX(firstRow, y + i - taps.y, x + j - taps.y);
      sum += vec4(pixel * weight, pixel * before);
      before = weight;
    }
  }
  setOutput(inside(sum, at.x, image.y, at.y, image.z));`,
});

interface Sizes extends Record<string, number[]> {
  image: number[];
  taps: number[];
}

function sizesOf(image: tf.TensorInfo, kernel: tf.TensorInfo, isTurned: boolean): Sizes {
  const [, height, width, channels] = image.shape as [number, number, number, number];
  const side = kernel.shape[0] as number;
  const before = Math.floor((side - 1) / 2);
  return {
    image: [height, width, channels],
    taps: [side, isTurned ? side - 1 - before : before],
  };
}

export const depthwise = webglKernel(DEPTHWISE, (backend, { x, kernel, bias }) => {
  if (sizeOf(x) === 0) return zeros(backend, x.shape);
  const sizes = sizesOf(x, kernel, false);
  return runProgram(backend, convolution(false), [x, kernel, bias], x.shape, sizes);
});

export const depthwiseInputGrad = webglKernel(
  DEPTHWISE_INPUT_GRAD,
  (backend, { dy, kernel, other }) => {
    if (sizeOf(dy) === 0) return zeros(backend, dy.shape);
    const sizes = sizesOf(dy, kernel, true);
    return runProgram(backend, convolution(true), [dy, kernel, other], dy.shape, sizes);
  },
);

/** Image rows that one invocation adds up. */
const ROWS_AT_ONCE = 64;

/** Sums over `count` image rows each, for each tap and two channels. rows: of all images, count. */
const KERNEL_GRADIENT: Source = {
  inputs: ['X', 'D'],
  uniforms: { image: 'ivec3', taps: 'ivec2', rows: 'ivec2' },
  functions: `int channel;${PIXEL('X')}`,
  main: `
  int channels = (image.z + 1) / 2;
  int pairs = (image.y + 1) / 2;
  int place = here(1).x;
  int part = place / (taps.x * taps.x * channels);
  place -= part * taps.x * taps.x * channels;
  int tap = place / channels;
  channel = place - tap * channels;
  ivec2 shift = ivec2(tap / taps.x, tap - tap / taps.x * taps.x) - taps.y;
  vec2 sum = vec2(0.);
  int end = min(rows.x, (part + 1) * rows.y);
  for (int row = part * rows.y; row < end; row++) {
    int firstRow = row / image.x * image.x;
    int y = row - firstRow + shift.x;
    if (y < 0 || y >= image.x) continue;
    for (int p = 0; p < pairs; p++) {
      vec4 d = atD(row * pairs + p, channel, channels);
      int x = 2 * p + shift.y;
      sum += d.xy * pixelOfX(firstRow, y, x);
      if (2 * p + 1 < image.y) sum += d.zw * pixelOfX(firstRow, y, x + 1);
    }
  }
  if (isLast(channel, image.z)) sum.y = 0.;
  setOutput(vec4(sum.x, 0., sum.y, 0.));`,
};

/** Sum over the parts. size: texels of a part, parts. */
const PARTS: Source = {
  inputs: ['X'],
  uniforms: { size: 'ivec2' },
  main: `
  int place = here(1).x;
  vec4 sum = vec4(0.);
  for (int i = 0; i < size.y; i++) sum += atX(i * size.x + place, 0, 1);
  setOutput(sum);`,
};

function kernelGradient(
  backend: WebglBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  kernel: tf.TensorInfo,
): tf.TensorInfo {
  const sizes = sizesOf(x, kernel, false);
  const rows = (x.shape[0] as number) * (x.shape[1] as number);
  const parts = Math.ceil(rows / ROWS_AT_ONCE);
  const count = Math.ceil(rows / parts);
  const values = { ...sizes, rows: [rows, count] };
  const [side, , channels] = kernel.shape as [number, number, number, number];
  if (parts === 1) return runProgram(backend, KERNEL_GRADIENT, [x, dy], kernel.shape, values);
  return withTemporaries(backend, (temporary) => {
    const shape = [parts * side * side, channels, 1];
    const partial = temporary(runProgram(backend, KERNEL_GRADIENT, [x, dy], shape, values));
    const size = [side * side * Math.ceil(channels / 2), parts];
    return runProgram(backend, PARTS, [partial], kernel.shape, { size });
  });
}

export const depthwiseKernelGrad = webglKernel(
  DEPTHWISE_KERNEL_GRAD,
  (backend, { x, dy, kernel }) => {
    const channels = kernel.shape[2] as number;
    if (sizeOf(x) === 0) {
      return { dKernel: zeros(backend, kernel.shape), dBias: zeros(backend, [channels]) };
    }
    return {
      dKernel: kernelGradient(backend, x, dy, kernel),
      dBias: sumOfRows(backend, 'x', [dy]),
    };
  },
);
