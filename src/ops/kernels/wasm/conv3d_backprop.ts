/**
 * Gradients of `tf.conv3d`, which are wrong in tfjs-backend-wasm 4.22: that of the input adds into
 * memory that is never cleared, that of the filter ignores strides above 1. Each is a sum of gradients
 * of 2-D convolutions, one per batch entry, output plane and tap in depth, so the kernels of
 * `conv2d`'s gradients do the work.
 */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import type { SimdKernels } from '../simd_module';
import {
  floats,
  isAnyEmpty,
  pointer,
  tfjsKernel,
  type WasmBackend,
  withScratch,
  zeros,
} from './backend';
import { filterGradientLoops } from './conv_backprop_filter';
import { inputGradientLoops } from './conv_backprop_input';
import type { ConvGeometry } from './conv_geometry';
import { simdKernels } from './simd_module';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** One plane of the output, the plane of the input that a tap in depth reads, and the filter of the tap. */
interface Planes {
  /** Offsets in elements. */
  x: number;
  dy: number;
  filter: number;
}

interface VolumeGeometry {
  /** The 2-D convolution of one plane; its batch is 1. */
  plane: ConvGeometry;
  inShape: number[];
  planes: Planes[];
}

/**
 * Gradient of `tf.conv3d` with respect to its input, which is also the forward pass of
 * `tf.conv3dTranspose`. Inputs: dy and filter; attributes: strides, pad, inputShape. Gives inputShape.
 */
export const conv3dBackpropInput = tfjsKernel({
  name: tf.Conv3DBackpropInputV2,
  inputs: { dy: 'float32', filter: 'float32' },
  run(backend, { dy, filter }, attrs: tf.Conv3DBackpropInputV2Attrs, owner) {
    const g = volumeGeometry(owner, attrs.inputShape, filter.shape, dy.shape, attrs);
    const dx = zeros(backend, g.inShape);
    if (isAnyEmpty(dy, filter)) return dx;
    const simd = simdKernels(backend);
    if (simd == null) inputLoops(backend, dy, filter, dx, g);
    else if (g.planes.length > 0) inputSimd(backend, simd, dy, filter, dx, g);
    return dx;
  },
});

/**
 * Gradient of `tf.conv3d` with respect to its filter. Inputs: x and dy; attributes: strides, pad,
 * filterShape. Gives filterShape.
 */
export const conv3dBackpropFilter = tfjsKernel({
  name: tf.Conv3DBackpropFilterV2,
  inputs: { x: 'float32', dy: 'float32' },
  run(backend, { x, dy }, attrs: tf.Conv3DBackpropFilterV2Attrs, owner) {
    const { filterShape } = attrs;
    const g = volumeGeometry(owner, x.shape, filterShape, dy.shape, attrs);
    if (isAnyEmpty(x, dy)) return zeros(backend, filterShape);
    const dw = backend.makeOutput(filterShape, 'float32');
    const sums = new Float64Array(tf.util.sizeFromShape(filterShape));
    const simd = simdKernels(backend);
    if (simd == null) filterLoops(backend, x, dy, sums, g);
    else if (g.planes.length > 0) filterSimd(backend, simd, x, dy, sums, g);
    floats(backend, dw).set(sums);
    return dw;
  },
});

function inputSimd(
  backend: WasmBackend,
  simd: SimdKernels,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  dx: tf.TensorInfo,
  { plane, planes }: VolumeGeometry,
): void {
  const pixels = plane.outHeight * plane.outWidth;
  const patch = plane.filterHeight * plane.filterWidth * plane.channels;
  withScratch(backend, simd.BLOCK_SCRATCH.value + pixels * patch * BYTES, (scratch) => {
    const patches = scratch + simd.BLOCK_SCRATCH.value;
    for (const at of planes) {
      const from = pointer(backend, dy) + at.dy * BYTES;
      const weights = pointer(backend, filter) + at.filter * BYTES;
      const [k, n] = [plane.outChannels, patch];
      simd.gemm(from, weights, 0, patches, pixels, n, k, 0, 1, scratch, k, k, n);
      simd.scatterPatches(
        patches,
        pointer(backend, dx) + at.x * BYTES,
        0,
        ...[pixels, plane.height, plane.width, plane.channels, plane.outHeight, plane.outWidth],
        ...[plane.filterHeight, plane.filterWidth, plane.strideHeight, plane.strideWidth],
        ...[plane.top, plane.left],
      );
    }
  });
}

function filterSimd(
  backend: WasmBackend,
  simd: SimdKernels,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  sums: Float64Array,
  { plane, planes }: VolumeGeometry,
): void {
  const size = plane.filterHeight * plane.filterWidth * plane.channels * plane.outChannels;
  withScratch(backend, simd.BLOCK_SCRATCH.value + size * BYTES, (scratch) => {
    const result = scratch + simd.BLOCK_SCRATCH.value;
    for (const at of planes) {
      simd.convFilterGrad(
        pointer(backend, x) + at.x * BYTES,
        pointer(backend, dy) + at.dy * BYTES,
        result,
        ...[1, plane.height, plane.width, plane.channels],
        ...[plane.outHeight, plane.outWidth, plane.outChannels],
        ...[plane.filterHeight, plane.filterWidth, plane.strideHeight, plane.strideWidth],
        ...[plane.top, plane.left],
        scratch,
      );
      const part = new Float32Array(backend.wasm.HEAPU8.buffer, result, size);
      for (let i = 0; i < size; i++) {
        sums[at.filter + i] = (sums[at.filter + i] as number) + (part[i] as number);
      }
    }
  });
}

function inputLoops(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  dx: tf.TensorInfo,
  { plane, planes }: VolumeGeometry,
): void {
  const [from, weights, to] = [floats(backend, dy), floats(backend, filter), floats(backend, dx)];
  const part = new Float32Array(plane.height * plane.width * plane.channels);
  for (const at of planes) {
    inputGradientLoops(from.subarray(at.dy), weights.subarray(at.filter), part, plane);
    for (let i = 0; i < part.length; i++) {
      to[at.x + i] = (to[at.x + i] as number) + (part[i] as number);
    }
  }
}

function filterLoops(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  sums: Float64Array,
  { plane, planes }: VolumeGeometry,
): void {
  const [values, upstream] = [floats(backend, x), floats(backend, dy)];
  const size = plane.filterHeight * plane.filterWidth * plane.channels * plane.outChannels;
  const part = new Float32Array(size);
  for (const at of planes) {
    filterGradientLoops(values.subarray(at.x), upstream.subarray(at.dy), part, plane);
    for (let i = 0; i < size; i++) {
      sums[at.filter + i] = (sums[at.filter + i] as number) + (part[i] as number);
    }
  }
}

/**
 * The planes of a 3-D convolution, computed as the forward kernel computes them.
 *
 * @throws {Error} when the shapes do not fit each other or dy
 */
function volumeGeometry(
  owner: string,
  inputShape: number[],
  filterShape: number[],
  dyShape: number[],
  { strides, pad }: Pick<tf.Conv3DBackpropInputV2Attrs, 'strides' | 'pad'>,
): VolumeGeometry {
  type Info = Parameters<typeof tf.backend_util.computeConv3DInfo>;
  const info = tf.backend_util.computeConv3DInfo(
    inputShape as Info[0],
    filterShape as Info[1],
    strides,
    1,
    pad,
  );
  if (info.inChannels !== filterShape[3] || !tf.util.arraysEqual(dyShape, info.outShape)) {
    throw new Error(
      `${owner}: input ${show(inputShape)}, filter ${show(filterShape)} and dy ${show(dyShape)} do ` +
        `not fit: with strides ${strides} and pad ${pad} dy is ` +
        `${show(info.outShape)} for a filter of ${info.inChannels} input channels`,
    );
  }
  const plane: ConvGeometry = {
    batch: 1,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    outChannels: info.outChannels,
    filterHeight: info.filterHeight,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: 1,
    dilationWidth: 1,
    top: info.padInfo.top,
    left: info.padInfo.left,
    channelsLast: true,
    outShape: [1, info.outHeight, info.outWidth, info.outChannels],
  };
  const sizes = {
    x: info.inHeight * info.inWidth * info.inChannels,
    dy: info.outHeight * info.outWidth * info.outChannels,
    filter: info.filterHeight * info.filterWidth * info.inChannels * info.outChannels,
  };
  const planes: Planes[] = [];
  for (let b = 0; b < info.batchSize; b++) {
    for (let out = 0; out < info.outDepth; out++) {
      for (let tap = 0; tap < info.filterDepth; tap++) {
        const depth = out * info.strideDepth - info.padInfo.front + tap;
        if (depth < 0 || depth >= info.inDepth || sizes.dy === 0) continue;
        planes.push({
          x: (b * info.inDepth + depth) * sizes.x,
          dy: (b * info.outDepth + out) * sizes.dy,
          filter: tap * sizes.filter,
        });
      }
    }
  }
  return { plane, inShape: info.inShape, planes };
}
