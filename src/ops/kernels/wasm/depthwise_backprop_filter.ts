/** `DepthwiseConv2dNativeBackpropFilter`, which tfjs lacks on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { floats, isAnyEmpty, pointer, tfjsKernel, type WasmBackend, zeros } from './backend';
import { type ConvGeometry, convGeometry, forEachTap } from './conv_geometry';
import { bytesPerImage, forEachImage, geometryArguments, heap, pixels } from './depthwise_images';
import { simdKernels } from './simd_module';

/**
 * Gradient of `tf.depthwiseConv2d` with respect to its filter, which tfjs 4.22 lacks on wasm.
 * Inputs: x `[batch, height, width, channels]` and dy `[..., channels * multiplier]`; attributes:
 * strides, pad, dilations, dimRoundingMode, filterShape. Gives `filterShape`,
 * `[height, width, channels, multiplier]`.
 */
export const depthwiseBackpropFilter = tfjsKernel({
  name: tf.DepthwiseConv2dNativeBackpropFilter,
  inputs: { x: 'float32', dy: 'float32' },
  run(backend, { x, dy }, attrs: tf.DepthwiseConv2dNativeBackpropFilterAttrs, owner) {
    const { filterShape } = attrs;
    const g = convGeometry(owner, x.shape, filterShape, dy.shape, attrs, true);
    if (isAnyEmpty(x, dy)) return zeros(backend, filterShape);
    const dw = backend.makeOutput(filterShape, 'float32');
    const simd = simdKernels(backend);
    if (simd == null) {
      filterGradientLoops(floats(backend, x), floats(backend, dy), floats(backend, dw), g);
      return dw;
    }
    floats(backend, dw).fill(0);
    const multiplier = filterShape[3];
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
});

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

/** The same in JavaScript, summed in float64. */
function filterGradientLoops(
  x: Float32Array,
  dy: Float32Array,
  dw: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dw.length);
  const multiplier = g.outChannels / g.channels;
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let j = 0; j < g.outChannels; j++) {
      const value = x[pixel * g.channels + Math.floor(j / multiplier)] as number;
      const at = tap * g.outChannels + j;
      sums[at] = (sums[at] as number) + value * (dy[outPixel * g.outChannels + j] as number);
    }
  });
  dw.set(sums);
}
