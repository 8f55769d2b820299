/** One picture to look at: its size, and model input of any size made of it. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';
import { resizedRows, rowsRead, rowsWithin } from '../ops/dense/resize_rows';
import { type PixelImage, toRgb } from '../preprocessing/image';

/** Height and width, in pixels. */
type Size = readonly [height: number, width: number];

/** Bytes of the picture as numbers that are held at a time. */
const BYTES = 2 ** 25;

/** How pixels become what a model takes. */
interface PixelStatistics {
  /** Per-channel mean, RGB, for pixels in 0..1. */
  readonly mean: readonly [number, number, number];
  /** Per-channel deviation, RGB, for pixels in 0..1. */
  readonly std: readonly [number, number, number];
}

/** An image, and how to make model input of a size of it. */
export interface PictureSource {
  size: Size;
  channels: number;
  /** Resized and, where it is made of pixels, normalised: `[1, height, width, channels]`. */
  at(size: Size, statistics: PixelStatistics): tf.Tensor4D;
  /** Rows `first` to before `last` of that, the same to the bit. */
  rows(size: Size, statistics: PixelStatistics, first: number, last: number): tf.Tensor4D;
  dispose(): void;
}

/**
 * Takes up a picture.
 *
 * @param owner of the message
 * @param image pixels, or a tensor `[height, width, channels]` that is normalised as the model takes it
 * @param bytes of pixels as numbers that are held at a time
 * @throws {Error} when it is neither
 */
export function pictureSource(
  owner: string,
  image: PixelImage | tf.Tensor,
  bytes = BYTES,
): PictureSource {
  if (image instanceof tf.Tensor) {
    const { rank, shape } = image;
    const fits = (rank === 3 || (rank === 4 && shape[0] === 1)) && !shape.includes(0);
    requireArgument(owner, 'image', image, fits, 'one image, [height, width, channels]');
    const tensor: tf.Tensor4D = tf.tidy(() =>
      tf.cast(tf.reshape(image, [1, ...shape.slice(-3)] as [1, number, number, number]), 'float32'),
    );
    const size: Size = [tensor.shape[1], tensor.shape[2]];
    const rows: PictureSource['rows'] = (to, _, first, last) =>
      resizedRows(tensor, 0, size, to, first, last) as tf.Tensor4D;
    return {
      size,
      channels: tensor.shape[3],
      rows,
      at: (to, statistics) => rows(to, statistics, 0, to[0]),
      dispose: () => tensor.dispose(),
    };
  }
  const { width, height, data } = toRgb(image);
  const size: Size = [height, width];
  const read = (start: number, end: number) => {
    const own = data.subarray(3 * width * start, 3 * width * end);
    return tf.tensor4d(Float32Array.from(own), [1, end - start, width, 3]);
  };
  const rows: PictureSource['rows'] = (to, { mean, std }, first, last) =>
    tf.tidy(() => {
      // Bytes again, as a library of images gives them.
      const resized = tf.round(resizedBytes(read, size, to, [first, last], bytes));
      const centred = tf.sub(tf.div(resized, 255), tf.tensor1d([...mean]));
      return tf.div(centred, tf.tensor1d([...std]));
    });
  return {
    size,
    channels: 3,
    rows,
    at: (to, statistics) => rows(to, statistics, 0, to[0]),
    dispose: () => undefined,
  };
}

/** Rows of resized pixels, of which few are numbers at a time. */
function resizedBytes(
  read: (start: number, end: number) => tf.Tensor4D,
  from: Size,
  to: Size,
  [first, last]: readonly [number, number],
  bytes: number,
): tf.Tensor {
  // Of an enlarged picture the result is the larger one.
  const scale = Math.max(1, from[0] / to[0]);
  const step = rowsWithin(4 * 3 * Math.max(from[1], to[1]) * scale, bytes);
  const parts: tf.Tensor[] = [];
  for (let at = first; at < last; at += step) {
    const end = Math.min(at + step, last);
    const [top, bottom] = rowsRead(from[0], to[0], at, end);
    parts.push(tf.tidy(() => resizedRows(read(top, bottom), top, from, to, at, end)));
  }
  return parts.length === 1 ? (parts[0] as tf.Tensor) : tf.concat(parts, 1);
}
