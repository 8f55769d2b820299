/** Bilinear resize with aligned corners, with the same gradient on every backend. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { leftProduct } from './left_product';

/** Row `i` holds the weights with which output `i` reads the inputs; corners are aligned. */
function interpolationMatrix(from: number, to: number): tf.Tensor2D {
  const values = new Float32Array(to * from);
  const scale = to > 1 ? (from - 1) / (to - 1) : 0;
  for (let i = 0; i < to; i++) {
    const at = i * scale;
    const low = Math.min(Math.floor(at), from - 1);
    const high = Math.min(low + 1, from - 1);
    const fraction = at - low;
    values[i * from + low] = (values[i * from + low] as number) + 1 - fraction;
    values[i * from + high] = (values[i * from + high] as number) + fraction;
  }
  return tf.tensor2d(values, [to, from]);
}

/** Multiplies rows, then columns, of every image of `x` by a matrix. */
function separable(x: tf.Tensor, rows: tf.Tensor2D, cols: tf.Tensor2D): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [h, w] = [rows.shape[0], cols.shape[0]];
  const tall = leftProduct(rows, tf.reshape(x, [batch, height, width * channels]));
  const both = leftProduct(cols, tf.reshape(tall, [batch * h, width, channels]));
  return tf.reshape(both, [batch, h, w, channels]);
}

const resizeOp = defineOp({
  name: 'RevColResizeBilinear',
  inputs: ['x'],
  forward: ({ x }, { height, width }: { height: number; width: number }) => {
    const [, h, w] = x.shape as [number, number, number];
    return separable(x, interpolationMatrix(h, height), interpolationMatrix(w, width));
  },
  backward: (dy, { x }, { height, width }) => ({
    x: () => {
      const [, h, w] = x.shape as [number, number, number];
      return separable(
        dy,
        tf.transpose(interpolationMatrix(h, height)) as tf.Tensor2D,
        tf.transpose(interpolationMatrix(w, width)) as tf.Tensor2D,
      );
    },
  }),
});

/**
 * Bilinear resize with aligned corners, as two matrix products, so that its gradient is the same on
 * every backend.
 *
 * @param x `[batch, h, w, channels]`, float32
 * @returns `[batch, height, width, channels]`
 */
export function resizeBilinear(x: tf.Tensor, height: number, width: number): tf.Tensor {
  return resizeOp({ x }, { height, width });
}
