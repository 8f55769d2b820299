/** `Conv2DBackpropInput`, which tfjs has on wasm, but slow. */
import * as tf from '@tensorflow/tfjs-core';

import type { SimdKernels } from '../simd_module';
import {
  floats,
  isAnyEmpty,
  pointers,
  tfjsKernel,
  type WasmBackend,
  withScratch,
  zeros,
} from './backend';
import { type ConvGeometry, convGeometry, forEachTap } from './conv_geometry';
import { transpose } from './layout';
import { simdKernels } from './simd_module';

/** Patches are held for a block of output pixels, of about this many bytes ... */
const BLOCK_BYTES = 1 << 20;
/** ... but at least this many pixels, so that packing the filter anew does not show. */
const MIN_BLOCK_PIXELS = 128;

/**
 * Gradient of `tf.conv2d` with respect to its input, for all strides and paddings. tfjs has this
 * kernel on wasm, but at a tenth of the speed. Inputs: dy and filter; attributes: strides, pad,
 * dataFormat, dimRoundingMode, inputShape. Gives `inputShape`.
 */
export const convBackpropInput = tfjsKernel({
  name: tf.Conv2DBackpropInput,
  inputs: { dy: 'float32', filter: 'float32' },
  run(backend, { dy, filter }, attrs: tf.Conv2DBackpropInputAttrs, owner) {
    const g = convGeometry(owner, attrs.inputShape, filter.shape, dy.shape, attrs, false);
    if (isAnyEmpty(dy, filter)) return zeros(backend, attrs.inputShape);
    if (g.channelsLast) return inputGradient(backend, dy, filter, g);
    const dyLast = transpose(backend, dy, [0, 2, 3, 1]);
    const dxLast = inputGradient(backend, dyLast, filter, g);
    const dx = transpose(backend, dxLast, [0, 3, 1, 2]);
    backend.disposeData(dyLast.dataId);
    backend.disposeData(dxLast.dataId);
    return dx;
  },
});

function inputGradient(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  g: ConvGeometry,
): tf.TensorInfo {
  const dx = backend.makeOutput([g.batch, g.height, g.width, g.channels], 'float32');
  const simd = simdKernels(backend);
  const pixels = g.batch * g.outHeight * g.outWidth;
  if (simd == null) {
    inputGradientLoops(floats(backend, dy), floats(backend, filter), floats(backend, dx), g);
    return dx;
  }
  const patch = g.filterHeight * g.filterWidth * g.channels;
  const block = Math.min(pixels, Math.max(MIN_BLOCK_PIXELS, Math.floor(BLOCK_BYTES / 4 / patch)));
  // A 1 x 1 filter without stride or padding: the patches are the image.
  const direct =
    patch === g.channels &&
    g.strideHeight * g.strideWidth === 1 &&
    g.top === 0 &&
    g.left === 0 &&
    g.outHeight === g.height &&
    g.outWidth === g.width;
  if (!direct) floats(backend, dx).fill(0);
  const blockBytes = direct ? 0 : block * patch * Float32Array.BYTES_PER_ELEMENT;
  withScratch(backend, simd.BLOCK_SCRATCH.value + blockBytes, (scratch) => {
    const patches = scratch + simd.BLOCK_SCRATCH.value;
    const [from, weights, to] = pointers(backend, [dy, filter, dx]);
    const product = (at: number, first: number, count: number): void => {
      const source = from + first * g.outChannels * Float32Array.BYTES_PER_ELEMENT;
      const [k, n] = [g.outChannels, patch];
      simd.gemm(source, weights, 0, at, count, n, k, 0, 1, scratch, k, k, n);
    };
    if (direct) {
      product(to, 0, pixels);
      return;
    }
    for (let first = 0; first < pixels; first += block) {
      const count = Math.min(block, pixels - first);
      product(patches, first, count);
      scatter(simd, patches, to, first, count, g);
    }
  });
  return dx;
}

function scatter(
  simd: SimdKernels,
  patches: number,
  dx: number,
  first: number,
  count: number,
  g: ConvGeometry,
): void {
  simd.scatterPatches(
    patches,
    dx,
    first,
    ...[count, g.height, g.width, g.channels, g.outHeight, g.outWidth],
    ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth, g.top, g.left],
  );
}

/** The same in JavaScript, summed in float64; NHWC. */
export function inputGradientLoops(
  dy: Float32Array,
  filter: Float32Array,
  dx: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dx.length);
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let i = 0; i < g.channels; i++) {
      const weights = (tap * g.channels + i) * g.outChannels;
      let sum = 0;
      for (let j = 0; j < g.outChannels; j++) {
        sum += (dy[outPixel * g.outChannels + j] as number) * (filter[weights + j] as number);
      }
      const at = pixel * g.channels + i;
      sums[at] = (sums[at] as number) + sum;
    }
  });
  dx.set(sums);
}
