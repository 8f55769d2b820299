import * as tf from '@tensorflow/tfjs-core';

import { floats, pointer, type WasmBackend, type WasmKernel, withScratch } from './backend';
import { type ConvGeometry, convGeometry } from './conv_geometry';
import { filterGradientLoops, inputGradientLoops } from './depthwise_loops';
import { simdKernels } from './simd_module';

/**
 * Gradient of `tf.depthwiseConv2d` with respect to its filter, which tfjs 4.22 lacks on wasm.
 * Inputs: x `[batch, height, width, channels]` and dy `[..., channels * multiplier]`; attributes:
 * strides, pad, dilations, dimRoundingMode, filterShape. Gives `filterShape`,
 * `[height, width, channels, multiplier]`.
 */
export const depthwiseBackpropFilter: WasmKernel<'x' | 'dy'> = {
  name: tf.DepthwiseConv2dNativeBackpropFilter,
  float32Inputs: ['x', 'dy'],
  run(backend, { x, dy }, attrs) {
    const filterShape = attrs['filterShape'] as number[];
    const g = convGeometry(this.name, x.shape, filterShape, dy.shape, attrs, true);
    const dw = backend.makeOutput(filterShape, 'float32');
    const simd = simdKernels(backend);
    if (simd == null) {
      filterGradientLoops(floats(backend, x), floats(backend, dy), floats(backend, dw), g);
      return dw;
    }
    floats(backend, dw).fill(0);
    const multiplier = filterShape[3] as number;
    const target = pointer(backend, dw);
    forEachImage(backend, g, multiplier, (image, expanded, count) => {
      const from = pointer(backend, x) + image * bytesPerImage(g, 'input');
      if (multiplier > 1)
        repeatChannels(backend, from, expanded, pixels(g) * g.channels, multiplier);
      simd.depthwiseFilterGrad(
        multiplier > 1 ? expanded : from,
        pointer(backend, dy) + image * bytesPerImage(g, 'output'),
        target,
        ...geometryArguments(g, count),
      );
    });
    return dw;
  },
};

/**
 * Gradient of `tf.depthwiseConv2d` with respect to its input, which tfjs 4.22 lacks on wasm.
 * Inputs: dy and filter `[height, width, channels, multiplier]`; attributes: strides, pad,
 * dilations, dimRoundingMode, inputShape. Gives `inputShape`.
 */
export const depthwiseBackpropInput: WasmKernel<'dy' | 'filter'> = {
  name: tf.DepthwiseConv2dNativeBackpropInput,
  float32Inputs: ['dy', 'filter'],
  run(backend, { dy, filter }, attrs) {
    const inputShape = attrs['inputShape'] as number[];
    const g = convGeometry(this.name, inputShape, filter.shape, dy.shape, attrs, true);
    const dx = backend.makeOutput(inputShape, 'float32');
    const simd = simdKernels(backend);
    if (simd == null) {
      inputGradientLoops(floats(backend, dy), floats(backend, filter), floats(backend, dx), g);
      return dx;
    }
    floats(backend, dx).fill(0);
    const multiplier = filter.shape[3] as number;
    forEachImage(backend, g, multiplier, (image, expanded, count) => {
      const to = pointer(backend, dx) + image * bytesPerImage(g, 'input');
      if (multiplier > 1) heap(backend, expanded, pixels(g) * g.outChannels).fill(0);
      simd.depthwiseInputGrad(
        pointer(backend, dy) + image * bytesPerImage(g, 'output'),
        pointer(backend, filter),
        multiplier > 1 ? expanded : to,
        ...geometryArguments(g, count),
      );
      if (multiplier > 1) sumGroups(backend, expanded, to, pixels(g) * g.channels, multiplier);
    });
    return dx;
  },
};

/**
 * The SIMD kernels know one output per channel. With more, channel c stands `multiplier` times side
 * by side in a copy of the image, which makes filter and dy those of an ordinary depthwise
 * convolution over channels x multiplier channels. The copy holds one image at a time.
 */
function forEachImage(
  backend: WasmBackend,
  g: ConvGeometry,
  multiplier: number,
  fn: (image: number, expanded: number, count: number) => void,
): void {
  if (multiplier === 1) {
    fn(0, 0, g.batch);
    return;
  }
  withScratch(backend, pixels(g) * g.outChannels * 4, (expanded) => {
    for (let image = 0; image < g.batch; image++) fn(image, expanded, 1);
  });
}

function geometryArguments(g: ConvGeometry, batch: number): number[] {
  return [
    ...[batch, g.height, g.width, g.outChannels, g.outHeight, g.outWidth],
    ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth],
    ...[g.dilationHeight, g.dilationWidth, g.top, g.left],
  ];
}

function pixels(g: ConvGeometry): number {
  return g.height * g.width;
}

function bytesPerImage(g: ConvGeometry, side: 'input' | 'output'): number {
  return 4 * (side === 'input' ? pixels(g) * g.channels : g.outHeight * g.outWidth * g.outChannels);
}

function heap(backend: WasmBackend, address: number, length: number): Float32Array {
  return new Float32Array(backend.wasm.HEAPU8.buffer, address, length);
}

function repeatChannels(
  backend: WasmBackend,
  from: number,
  to: number,
  length: number,
  times: number,
): void {
  const source = heap(backend, from, length);
  const target = heap(backend, to, length * times);
  for (let i = 0, at = 0; i < length; i++) {
    const value = source[i] as number;
    for (let j = 0; j < times; j++) target[at++] = value;
  }
}

function sumGroups(
  backend: WasmBackend,
  from: number,
  to: number,
  length: number,
  size: number,
): void {
  const source = heap(backend, from, length * size);
  const target = heap(backend, to, length);
  for (let i = 0, at = 0; i < length; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += source[at++] as number;
    target[i] = sum;
  }
}
