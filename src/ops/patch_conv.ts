/** Convolution whose stride is its kernel's size, as a linear layer on patches, and its inverse cut. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { onFloats } from './engine/tensors';
import { FROM_PATCHES, PATCHES } from './kernels/contract';
import { runFused } from './kernels/fused';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
  linearForward,
} from './linear';
import { toMatrix } from './mat_mul';

/** Height and width after a `size` x `size` convolution with stride `size` and no padding. */
export function patchGrid(shape: readonly number[], size: number): [number, number] {
  return [Math.floor((shape[1] as number) / size), Math.floor((shape[2] as number) / size)];
}

/**
 * Cuts an image into patches, one row each: `[b, h, w, c]` to `[b * h/s * w/s, s * s * c]`. Rows and
 * columns that fill no patch are dropped, as an unpadded strided convolution does.
 */
export function toPatches(x: tf.Tensor, size: number): tf.Tensor2D {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, cols] = patchGrid(x.shape, size);
  return runFused(PATCHES, { x }, { size }, () => {
    const whole = rows * size === height && cols * size === width;
    const cut = whole ? x : tf.slice(x, [0, 0, 0, 0], [batch, rows * size, cols * size, channels]);
    if (size === 1) return tf.reshape(cut, [-1, channels]);
    // Rank 4 on purpose: higher-rank transposes are slow or missing on some backends.
    const split = tf.reshape(cut, [batch * rows, size, cols, size * channels]);
    return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [-1, size * size * channels]);
  }) as tf.Tensor2D;
}

/** Gradient of `toPatches`: puts patch rows back into an image of `shape`, zeros elsewhere. */
export function fromPatches(patches: tf.Tensor, shape: readonly number[], size: number): tf.Tensor {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const [rows, cols] = patchGrid(shape, size);
  return runFused(FROM_PATCHES, { rows: patches }, { size, batch, height, width }, () => {
    const split = tf.reshape(patches, [batch * rows, cols, size, size * channels]);
    const image = tf.reshape(size === 1 ? split : tf.transpose(split, [0, 2, 1, 3]), [
      batch,
      rows * size,
      cols * size,
      channels,
    ]);
    const [below, right] = [height - rows * size, width - cols * size];
    if (below === 0 && right === 0) return image;
    return tf.pad(image, [
      [0, 0],
      [0, below],
      [0, right],
      [0, 0],
    ]);
  });
}

function kernelMatrix(kernel: tf.Tensor): tf.Tensor2D {
  return tf.reshape(kernel, [-1, kernel.shape[3] as number]);
}

/** `size` x `size` convolution with stride `size`, without a tape node. */
export function patchConvForward(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const [size, , , filters] = kernel.shape as [number, number, number, number];
  return tf.tidy(() => {
    const [rows, cols] = patchGrid(x.shape, size);
    const y = linearForward(toPatches(x, size), kernelMatrix(kernel), bias);
    return tf.reshape(y, [x.shape[0] as number, rows, cols, filters]);
  });
}

/** Gradient of the convolution with respect to its input. */
export function patchConvBackwardInput(
  dy: tf.Tensor,
  kernel: tf.Tensor,
  inputShape: readonly number[],
): tf.Tensor {
  return tf.tidy(() =>
    fromPatches(
      linearBackwardInput(toMatrix(dy), kernelMatrix(kernel)),
      inputShape,
      kernel.shape[0] as number,
    ),
  );
}

/** Gradient of the convolution with respect to its kernel. */
export function patchConvBackwardKernel(
  dy: tf.Tensor,
  x: tf.Tensor,
  kernelShape: readonly number[],
): tf.Tensor {
  return tf.tidy(() =>
    tf.reshape(linearBackwardKernel(dy, toPatches(x, kernelShape[0] as number)), [...kernelShape]),
  );
}

const patchConvOp = defineOp({
  name: 'RevColPatchConv',
  inputs: ['x', 'kernel', 'bias'],
  forward: ({ x, kernel, bias }) => patchConvForward(x, kernel, bias),
  backward: (dy, { x, kernel }) => ({
    x: () => patchConvBackwardInput(dy, kernel, x.shape),
    kernel: () => patchConvBackwardKernel(dy, x, kernel.shape),
    bias: () => linearBackwardBias(dy),
  }),
});

/**
 * Convolution whose stride equals its kernel's size, unpadded, as reshape + transpose + matmul: the
 * stem's patches and the fusion's 2x2 downsampling. Needs no convolution gradient kernel.
 *
 * @param x `[batch, height, width, in]`, float32, or what is cast to it
 * @param kernel `[size, size, in, out]`
 * @param bias `[out]`
 * @returns `[batch, floor(height / size), floor(width / size), out]`
 */
export function patchConv(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return onFloats(x, (floats) => patchConvOp({ x: floats, kernel, bias }));
}

const unpatchOp = defineOp({
  name: 'RevColUnpatch',
  inputs: ['x'],
  forward: ({ x }, { size }: { size: number }) =>
    tf.tidy(() => fromPatches(toMatrix(x), imageShape(x, size), size)),
  backward: (dy, { x }, { size }) => ({ x: () => tf.reshape(toPatches(dy, size), x.shape) }),
});

function imageShape(x: tf.Tensor, size: number): number[] {
  const [batch, rows, cols, depth] = x.shape as [number, number, number, number];
  return [batch, rows * size, cols * size, depth / (size * size)];
}

/**
 * Spreads the channels of each pixel over a patch (depth to space), as one tape node.
 *
 * @param x `[batch, h, w, size * size * channels]`, channels ordered (row, column, channel)
 * @returns `[batch, h * size, w * size, channels]`
 */
export function unpatch(x: tf.Tensor, size: number): tf.Tensor {
  return unpatchOp({ x }, { size });
}
