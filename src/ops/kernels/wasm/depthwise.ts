/** Depthwise convolution with bias, and its gradients, as blocks use them, on wasm; only with SIMD. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import {
  DEPTHWISE,
  DEPTHWISE_INPUT_GRAD,
  DEPTHWISE_KERNEL_GRAD,
  type KernelContract,
} from '../contract';
import { requireAlike } from '../graphics';
import { isAnyEmpty, pointers, requireShape, runKernel, wasmKernel, withScratch } from './backend';
import { columnSumOf } from './column_sum';
import { onlyWithSimd, requireSimd } from './only_with_simd';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

interface Geometry {
  /** Batch, height, width and channels of the image. */
  image: [number, number, number, number];
  side: number;
  /** Pixels of padding above the image and left of it. */
  before: number;
}

/** @throws {Error} when the kernel is not square, or for other channels, or has several outputs per channel */
function geometryOf({ name }: KernelContract, x: tf.TensorInfo, kernel: tf.TensorInfo): Geometry {
  const image = x.shape as Geometry['image'];
  const side = kernel.shape[0] as number;
  const expected = [side, side, image[3], 1];
  if (image.length !== 4 || !tf.util.arraysEqual(kernel.shape, expected)) {
    throw new Error(
      `${name} (wasm): images of ${show(x.shape)} and a kernel of ${show(kernel.shape)} do not fit; ` +
        `[batch, height, width, channels] and [side, side, channels, 1] are expected`,
    );
  }
  return { image, side, before: Math.floor((side - 1) / 2) };
}

export const depthwise = onlyWithSimd(
  wasmKernel(DEPTHWISE, (backend, { x, kernel, bias }) => {
    const { image, side, before } = geometryOf(DEPTHWISE, x, kernel);
    const channels = image[3];
    requireShape(DEPTHWISE, 'bias', bias, [channels]);
    const y = backend.makeOutput(x.shape, 'float32');
    if (isAnyEmpty(x)) return y;
    const simd = requireSimd(backend, DEPTHWISE.name);
    const taps = side * side;
    withScratch(backend, taps * channels * BYTES, (turned) => {
      const [from, w, start, to] = pointers(backend, [x, kernel, bias, y]);
      simd.reverseTaps(w, turned, taps, channels);
      simd.depthwise(from, turned, start, to, ...image, side, side - 1 - before, 0, channels);
    });
    return y;
  }),
);

export const depthwiseInputGrad = onlyWithSimd(
  wasmKernel(DEPTHWISE_INPUT_GRAD, (backend, { dy, kernel, other }) => {
    requireAlike(DEPTHWISE_INPUT_GRAD, 'wasm', [dy, other]);
    const { image, side, before } = geometryOf(DEPTHWISE_INPUT_GRAD, dy, kernel);
    const channels = image[3];
    const dx = backend.makeOutput(dy.shape, 'float32');
    if (isAnyEmpty(dy)) return dx;
    const simd = requireSimd(backend, DEPTHWISE_INPUT_GRAD.name);
    const [from, w, start, to] = pointers(backend, [dy, kernel, other, dx]);
    simd.depthwise(from, w, start, to, ...image, side, before, channels, channels);
    return dx;
  }),
);

export const depthwiseKernelGrad = onlyWithSimd(
  wasmKernel(DEPTHWISE_KERNEL_GRAD, (backend, { x, dy, kernel }) => {
    requireAlike(DEPTHWISE_KERNEL_GRAD, 'wasm', [x, dy]);
    geometryOf(DEPTHWISE_KERNEL_GRAD, x, kernel);
    const attrs = { strides: 1, pad: 'same', dilations: 1, filterShape: kernel.shape };
    const name = tf.DepthwiseConv2dNativeBackpropFilter;
    const dKernel = runKernel(backend, name, { x, dy }, attrs);
    return { dKernel, dBias: columnSumOf(backend, dy) };
  }),
);
