import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';

/** Sums `rows` `[n, width]` into a table by their index: the gradient of a gather. */
function scatterRows(rows: tf.Tensor, indices: tf.Tensor, tableRows: number): tf.Tensor {
  const [count, width] = rows.shape as [number, number];
  if (tf.getKernel('UnsortedSegmentSum', tf.getBackend()) != null) {
    return tf.unsortedSegmentSum(rows, indices as tf.Tensor1D, tableRows);
  }
  return tf.scatterND(tf.reshape(indices, [count, 1]), rows, [tableRows, width]);
}

const embedOp = defineOp<object>({
  name: 'RevColEmbed',
  inputNames: ['table', 'indices'],
  forward: ([table, indices]) => {
    const [rows, ids] = [table as tf.Tensor, indices as tf.Tensor];
    const flat = tf.gather(rows, tf.reshape(ids, [-1]));
    return tf.reshape(flat, [...ids.shape, rows.shape[1] as number]);
  },
  backward: (dy, [table, indices]) => {
    const [rows, width] = (table as tf.Tensor).shape as [number, number];
    const flat = tf.reshape(indices as tf.Tensor, [-1]);
    return [() => scatterRows(tf.reshape(dy, [-1, width]), flat, rows), null];
  },
});

/**
 * Rows of a table by index, as one tape node.
 *
 * @param table `[rows, width]`, float32
 * @param indices of any shape, int32, each in [0, rows)
 * @returns `[...indices, width]`
 */
export function embed(table: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  return embedOp([table, indices], {});
}

const addPositionsOp = defineOp<{ start: number }>({
  name: 'RevColAddPositions',
  inputNames: ['x', 'table'],
  forward: ([x, table], { start }) => {
    const [time, width] = (x as tf.Tensor).shape.slice(-2) as [number, number];
    return tf.add(x as tf.Tensor, tf.slice(table as tf.Tensor2D, [start, 0], [time, width]));
  },
  backward: (dy, [x, table], { start }) => [
    () => tf.clone(dy),
    () => {
      const [time, width] = (x as tf.Tensor).shape.slice(-2) as [number, number];
      const rows = (table as tf.Tensor).shape[0] as number;
      const sums = tf.sum(tf.reshape(dy, [-1, time, width]), 0) as tf.Tensor2D;
      return tf.pad(sums, [
        [start, rows - start - time],
        [0, 0],
      ]);
    },
  ],
});

/**
 * Adds rows `start` onwards of a table of positions, as one tape node.
 *
 * @param x `[..., time, width]`
 * @param table `[positions, width]`, with at least `start + time` rows
 */
export function addPositions(x: tf.Tensor, table: tf.Tensor, start: number): tf.Tensor {
  return addPositionsOp([x, table], { start });
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
