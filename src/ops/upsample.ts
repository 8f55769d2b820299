/** Nearest-neighbour resize to any size, with a gradient that is right on every backend. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { DOUBLED_GRAD, DOUBLED_SUM } from './kernels/contract';
import { runFused } from './kernels/fused';
import { leftProduct } from './left_product';

/**
 * Source index of each output position of a nearest resize, in float32 as PyTorch computes it:
 * `floor(i * (from / to))`.
 */
function nearestIndices(from: number, to: number): Int32Array {
  const scale = Math.fround(from / to);
  return Int32Array.from({ length: to }, (_, i) =>
    Math.min(from - 1, Math.floor(Math.fround(i * scale))),
  );
}

/** `[from, to]` matrix with a one where output `to` was read from input `from`. */
function scatterMatrix(from: number, to: number): tf.Tensor2D {
  const values = new Float32Array(from * to);
  nearestIndices(from, to).forEach((source, i) => {
    values[source * to + i] = 1;
  });
  return tf.tensor2d(values, [from, to]);
}

function isDouble(shape: readonly number[], height: number, width: number): boolean {
  return height === 2 * (shape[1] as number) && width === 2 * (shape[2] as number);
}

/** Nearest resize of `[b, h, w, c]` to `height` x `width`, without a tape node. */
export function upsampleForward(x: tf.Tensor, height: number, width: number): tf.Tensor {
  const [batch, rows, cols, channels] = x.shape as [number, number, number, number];
  if (rows === height && cols === width) return tf.clone(x);
  return tf.tidy(() => {
    if (isDouble(x.shape, height, width)) {
      // Joining rows with themselves: the tile kernel is ten times slower on wasm.
      const pixels = tf.reshape(x, [batch * rows * cols, channels]);
      const wide = tf.reshape(tf.concat([pixels, pixels], 1), [batch * rows, width * channels]);
      return tf.reshape(tf.concat([wide, wide], 1), [batch, height, width, channels]);
    }
    const tall = tf.gather(x, tf.tensor1d(nearestIndices(rows, height), 'int32'), 1);
    return tf.gather(tall, tf.tensor1d(nearestIndices(cols, width), 'int32'), 2);
  });
}

/** `x` resized like that to the size of `other`, plus it; without a tape node. */
export function upsampledSum(x: tf.Tensor, other: tf.Tensor): tf.Tensor {
  const [, height, width] = other.shape as [number, number, number];
  const compose = () => tf.add(other, upsampleForward(x, height, width));
  if (!isDouble(x.shape, height, width)) return tf.tidy(compose);
  return runFused(DOUBLED_SUM, { x, other }, {}, compose);
}

/** Gradient of `upsampleForward`: sums what each input pixel was copied to. */
export function upsampleBackward(dy: tf.Tensor, inputShape: readonly number[]): tf.Tensor {
  const [batch, height, width, channels] = dy.shape as [number, number, number, number];
  const [, rows, cols] = inputShape as [number, number, number, number];
  if (rows === height && cols === width) return tf.clone(dy);
  if (isDouble(inputShape, height, width)) {
    return runFused(DOUBLED_GRAD, { dy }, {}, () =>
      tf.mul(tf.avgPool(dy as tf.Tensor4D, 2, 2, 'valid'), 4),
    );
  }
  return tf.tidy(() => {
    const perRow = tf.reshape(dy, [batch, height, width * channels]);
    const summedRows = leftProduct(scatterMatrix(rows, height), perRow);
    const perCol = tf.reshape(summedRows, [batch * rows, width, channels]);
    const summed = leftProduct(scatterMatrix(cols, width), perCol);
    return tf.reshape(summed, [batch, rows, cols, channels]);
  });
}

const upsampleOp = defineOp({
  name: 'RevColUpsampleNearest',
  inputs: ['x'],
  forward: ({ x }, { height, width }: { height: number; width: number }) =>
    upsampleForward(x, height, width),
  backward: (dy, { x }) => ({ x: () => upsampleBackward(dy, x.shape) }),
});

/**
 * Nearest-neighbour resize to any size, as one tape node with a gradient that is right on every
 * backend.
 *
 * @param x `[batch, h, w, channels]`
 * @returns `[batch, height, width, channels]`
 */
export function upsampleNearest(x: tf.Tensor, height: number, width: number): tf.Tensor {
  return upsampleOp({ x }, { height, width });
}
