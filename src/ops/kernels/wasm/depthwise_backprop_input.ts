/** `DepthwiseConv2dNativeBackpropInput`, which tfjs lacks on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { floats, isAnyEmpty, pointer, tfjsKernel, type WasmBackend, zeros } from './backend';
import { type ConvGeometry, convGeometry, forEachTap } from './conv_geometry';
import { bytesPerImage, forEachImage, geometryArguments, heap, pixels } from './depthwise_images';
import { simdKernels } from './simd_module';

/**
 * Gradient of `tf.depthwiseConv2d` with respect to its input, which tfjs 4.22 lacks on wasm.
 * Inputs: dy and filter `[height, width, channels, multiplier]`; attributes: strides, pad,
 * dilations, dimRoundingMode, inputShape. Gives `inputShape`.
 */
export const depthwiseBackpropInput = tfjsKernel({
  name: tf.DepthwiseConv2dNativeBackpropInput,
  inputs: { dy: 'float32', filter: 'float32' },
  run(backend, { dy, filter }, attrs: tf.DepthwiseConv2dNativeBackpropInputAttrs, owner) {
    const { inputShape } = attrs;
    const g = convGeometry(owner, inputShape, filter.shape, dy.shape, attrs, true);
    if (isAnyEmpty(dy, filter)) return zeros(backend, inputShape);
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
});

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

/** The same in JavaScript, summed in float64. */
function inputGradientLoops(
  dy: Float32Array,
  filter: Float32Array,
  dx: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dx.length);
  const multiplier = g.outChannels / g.channels;
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let j = 0; j < g.outChannels; j++) {
      const at = pixel * g.channels + Math.floor(j / multiplier);
      const weight = filter[tap * g.outChannels + j] as number;
      sums[at] = (sums[at] as number) + weight * (dy[outPixel * g.outChannels + j] as number);
    }
  });
  dx.set(sums);
}
