import * as tf from '@tensorflow/tfjs-core';

import { floats, pointer, withScratch, type WasmBackend, type WasmKernel } from './backend';
import { convGeometry, type ConvGeometry } from './conv_geometry';
import { simdKernels } from './simd_module';

/**
 * Gradient of `tf.conv2d` with respect to its filter, which tfjs 4.22 lacks on wasm. Inputs: x
 * `[batch, height, width, channels]` and dy, or NCHW; attributes: strides, pad, dataFormat,
 * dimRoundingMode, filterShape. Gives `filterShape`.
 */
export const convBackpropFilter: WasmKernel<'x' | 'dy'> = {
  name: tf.Conv2DBackpropFilter,
  float32Inputs: ['x', 'dy'],
  run(backend, { x, dy }, attrs) {
    const filterShape = attrs['filterShape'] as number[];
    const geometry = convGeometry(this.name, x.shape, filterShape, dy.shape, attrs, false);
    const dw = backend.makeOutput(filterShape, 'float32');
    if (geometry.channelsLast) {
      filterGradient(backend, x, dy, dw, geometry);
    } else {
      const [xLast, dyLast] = [toChannelsLast(backend, x), toChannelsLast(backend, dy)];
      filterGradient(backend, xLast, dyLast, dw, geometry);
      backend.disposeData(xLast.dataId);
      backend.disposeData(dyLast.dataId);
    }
    return dw;
  },
};

function toChannelsLast(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  const transpose = tf.getKernel(tf.Transpose, 'wasm');
  const params = { inputs: { x }, backend, attrs: { perm: [0, 2, 3, 1] } };
  return transpose.kernelFunc(params) as tf.TensorInfo;
}

function filterGradient(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  dw: tf.TensorInfo,
  g: ConvGeometry,
): void {
  const simd = simdKernels(backend);
  if (simd == null || g.batch * g.outHeight * g.outWidth === 0) {
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
function filterGradientLoops(
  x: Float32Array,
  dy: Float32Array,
  dw: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dw.length);
  const { channels, outChannels } = g;
  let dyAt = 0;
  for (let b = 0; b < g.batch; b++) {
    for (let outRow = 0; outRow < g.outHeight; outRow++) {
      for (let outColumn = 0; outColumn < g.outWidth; outColumn++, dyAt += outChannels) {
        for (let tap = 0; tap < g.filterHeight * g.filterWidth; tap++) {
          const s = tap % g.filterWidth;
          const row = outRow * g.strideHeight - g.top + (tap - s) / g.filterWidth;
          const column = outColumn * g.strideWidth - g.left + s;
          if (row < 0 || row >= g.height || column < 0 || column >= g.width) continue;
          const xAt = ((b * g.height + row) * g.width + column) * channels;
          for (let i = 0; i < channels; i++) {
            const value = x[xAt + i] as number;
            const at = (tap * channels + i) * outChannels;
            for (let j = 0; j < outChannels; j++) {
              sums[at + j] = (sums[at + j] as number) + value * (dy[dyAt + j] as number);
            }
          }
        }
      }
    }
  }
  dw.set(sums);
}
