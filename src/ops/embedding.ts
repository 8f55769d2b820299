/** Tokens by index and positions by place: what a sequence model's input is made of. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { scatterRows } from './scatter_rows';

const embedOp = defineOp({
  name: 'RevColEmbed',
  inputs: ['table', 'indices'],
  forward: ({ table, indices }) => {
    const flat = tf.gather(table, tf.reshape(indices, [-1]));
    return tf.reshape(flat, [...indices.shape, table.shape[1] as number]);
  },
  backward: (dy, { table, indices }) => ({
    table: () => {
      const [rows, width] = table.shape as [number, number];
      return scatterRows(tf.reshape(dy, [-1, width]), tf.reshape(indices, [-1]), rows);
    },
    indices: null,
  }),
});

/**
 * Rows of a table by index, as one tape node.
 *
 * @param table `[rows, width]`, float32
 * @param indices of any shape, int32, each in [0, rows)
 * @returns `[...indices, width]`
 */
export function embed(table: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  return embedOp({ table, indices });
}

const addPositionsOp = defineOp({
  name: 'RevColAddPositions',
  inputs: ['x', 'table'],
  forward: ({ x, table }, { start }: { start: number }) => {
    const [time, width] = x.shape.slice(-2) as [number, number];
    return tf.add(x, tf.slice(table, [start, 0], [time, width]));
  },
  backward: (dy, { x, table }, { start }) => ({
    x: () => tf.clone(dy),
    table: () => {
      const [time, width] = x.shape.slice(-2) as [number, number];
      const rows = table.shape[0] as number;
      const sums = tf.sum(tf.reshape(dy, [-1, time, width]), 0) as tf.Tensor2D;
      return tf.pad(sums, [
        [start, rows - start - time],
        [0, 0],
      ]);
    },
  }),
});

/**
 * Adds rows `start` onwards of a table of positions, as one tape node.
 *
 * @param x `[..., time, width]`
 * @param table `[positions, width]`, with at least `start + time` rows
 */
export function addPositions(x: tf.Tensor, table: tf.Tensor, start: number): tf.Tensor {
  return addPositionsOp({ x, table }, { start });
}

/**
 * Sinusoidal positions (Vaswani et al. 2017, section 3.5), sine and cosine interleaved as in
 * Keras's `SinePositionEncoding`: channel 2i is `sin(p / maxWavelength^(2i / width))`, channel
 * 2i + 1 the cosine.
 *
 * @returns `[time, width]` for positions `start` onwards
 */
export function sinusoidalPositions(
  start: number,
  time: number,
  width: number,
  maxWavelength: number,
): tf.Tensor2D {
  const values = new Float32Array(time * width);
  for (let c = 0; c < width; c++) {
    const rate = maxWavelength ** (-(c - (c % 2)) / width);
    const wave = c % 2 === 0 ? Math.sin : Math.cos;
    for (let p = 0; p < time; p++) values[p * width + c] = wave((start + p) * rate);
  }
  return tf.tensor2d(values, [time, width]);
}
