/** Bilinear resize of some rows at a time: in however many parts, the values are the same to the bit. */
import * as tf from '@tensorflow/tfjs-core';

import { HALF_PIXEL } from './resize';

/** Height and width. */
type Size = readonly [number, number];

/** Along an axis, what each output lies between, and how far from the lower one. */
interface Neighbours {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly fraction: Float32Array;
}

/** Of outputs `first` to before `last` of `to`; inputs are counted from `start`. */
function neighbours(
  from: number,
  to: number,
  first: number,
  last: number,
  start: number,
): Neighbours {
  const count = last - first;
  const found = {
    low: new Int32Array(count),
    high: new Int32Array(count),
    fraction: new Float32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const [[low], [high, fraction]] = HALF_PIXEL(first + i, from, to) as [
      readonly [number, number],
      readonly [number, number],
    ];
    found.low[i] = low - start;
    found.high[i] = high - start;
    found.fraction[i] = fraction;
  }
  return found;
}

/** Between neighbours along axis 1 or 2 of `[batch, height, width, channels]`. */
function between(x: tf.Tensor, axis: 1 | 2, { low, high, fraction }: Neighbours): tf.Tensor {
  return tf.tidy(() => {
    const [from, to] = [low, high].map((at) => tf.gather(x, tf.tensor1d(at, 'int32'), axis)) as [
      tf.Tensor,
      tf.Tensor,
    ];
    const shape = [1, 1, 1, 1];
    shape[axis] = fraction.length;
    return tf.add(from, tf.mul(tf.sub(to, from), tf.tensor(fraction, shape)));
  });
}

/**
 * The rows that are read for rows `first` to before `last` of a resized image.
 *
 * @param from height of the image
 * @param to height of the resized one
 * @returns the first of them and the one behind the last
 */
export function rowsRead(
  from: number,
  to: number,
  first: number,
  last: number,
): [start: number, end: number] {
  if (from === to) return [first, last];
  const [[start]] = HALF_PIXEL(first, from, to) as [readonly [number, number]];
  const [, [end]] = HALF_PIXEL(last - 1, from, to) as [unknown, readonly [number, number]];
  return [start, end + 1];
}

/**
 * Some rows of a resized image, with half-pixel centres as `resizeForward`. Each value is made of four of the image's by
 * the same sums, whichever rows it is made with.
 *
 * @param rows `[batch, n, width, channels]`: rows of the image from `start` on, all of `rowsRead` at least
 * @param from height and width of the image
 * @param to those of the resized one
 * @returns `[batch, last - first, to[1], channels]`
 */
export function resizedRows(
  rows: tf.Tensor,
  start: number,
  from: Size,
  to: Size,
  first: number,
  last: number,
): tf.Tensor {
  return tf.tidy(() => {
    const [batch, , width, channels] = rows.shape as [number, number, number, number];
    const [top, bottom] = rowsRead(from[0], to[0], first, last);
    const read = tf.slice(rows, [0, top - start, 0, 0], [batch, bottom - top, width, channels]);
    const wide =
      from[1] === to[1] ? read : between(read, 2, neighbours(from[1], to[1], 0, to[1], 0));
    if (from[0] === to[0]) return wide;
    return between(wide, 1, neighbours(from[0], to[0], first, last, top));
  });
}

/**
 * Rows that are computed at a time, so that they take little memory.
 *
 * @param rowBytes what one takes
 * @param bytes what all may take together; one is always there
 */
export function rowsWithin(rowBytes: number, bytes: number): number {
  return Math.max(1, Math.floor(bytes / rowBytes));
}
