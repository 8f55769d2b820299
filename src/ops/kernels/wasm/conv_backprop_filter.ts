/** `Conv2DBackpropFilter`, which tfjs lacks on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import {
  floats,
  isAnyEmpty,
  pointer,
  tfjsKernel,
  type WasmBackend,
  withScratch,
  zeros,
} from './backend';
import { type ConvGeometry, convGeometry, forEachTap } from './conv_geometry';
import { transpose } from './layout';
import { simdKernels } from './simd_module';

/**
 * Gradient of `tf.conv2d` with respect to its filter, which tfjs 4.22 lacks on wasm. Inputs: x
 * `[batch, height, width, channels]` and dy, or NCHW; attributes: strides, pad, dataFormat,
 * dimRoundingMode, filterShape. Gives `filterShape`.
 */
export const convBackpropFilter = tfjsKernel({
  name: tf.Conv2DBackpropFilter,
  inputs: { x: 'float32', dy: 'float32' },
  run(backend, { x, dy }, attrs: tf.Conv2DBackpropFilterAttrs, owner) {
    const { filterShape } = attrs;
    const geometry = convGeometry(owner, x.shape, filterShape, dy.shape, attrs, false);
    if (isAnyEmpty(x, dy)) return zeros(backend, filterShape);
    const dw = backend.makeOutput(filterShape, 'float32');
    if (geometry.channelsLast) {
      filterGradient(backend, x, dy, dw, geometry);
    } else {
      const [xLast, dyLast] = [x, dy].map((info) => transpose(backend, info, [0, 2, 3, 1])) as [
        tf.TensorInfo,
        tf.TensorInfo,
      ];
      filterGradient(backend, xLast, dyLast, dw, geometry);
      backend.disposeData(xLast.dataId);
      backend.disposeData(dyLast.dataId);
    }
    return dw;
  },
});

function filterGradient(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  dw: tf.TensorInfo,
  g: ConvGeometry,
): void {
  const simd = simdKernels(backend);
  if (simd == null) {
    filterGradientLoops(floats(backend, x), floats(backend, dy), floats(backend, dw), g);
    return;
  }
  withScratch(backend, simd.BLOCK_SCRATCH.value, (scratch) => {
    simd.convFilterGrad(
      pointer(backend, x),
      pointer(backend, dy),
      pointer(backend, dw),
      ...[g.batch, g.height, g.width, g.channels, g.outHeight, g.outWidth, g.outChannels],
      ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth, g.top, g.left],
      scratch,
    );
  });
}

/** The same in JavaScript, summed in float64; NHWC. */
export function filterGradientLoops(
  x: Float32Array,
  dy: Float32Array,
  dw: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dw.length);
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let i = 0; i < g.channels; i++) {
      const value = x[pixel * g.channels + i] as number;
      const at = (tap * g.channels + i) * g.outChannels;
      for (let j = 0; j < g.outChannels; j++) {
        const product = value * (dy[outPixel * g.outChannels + j] as number);
        sums[at + j] = (sums[at + j] as number) + product;
      }
    }
  });
  dw.set(sums);
}
