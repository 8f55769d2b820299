/** One picture to look at: its size, and model input of any size made of it. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';
import { resizeForward } from '../ops/dense/resize';
import { type PixelImage, toRgb } from '../preprocessing/image';

/** Height and width, in pixels. */
type Size = readonly [height: number, width: number];

/** How pixels become what a model takes. */
interface PixelStatistics {
  /** Per-channel mean, RGB, for pixels in 0..1. */
  readonly mean: readonly [number, number, number];
  /** Per-channel deviation, RGB, for pixels in 0..1. */
  readonly std: readonly [number, number, number];
}

/** The image as a tensor `[1, height, width, channels]`, and how to make model input of a size of it. */
export interface PictureSource {
  size: Size;
  tensor: tf.Tensor4D;
  /** Resized and, where it is made of pixels, normalised. */
  at(size: Size, statistics: PixelStatistics): tf.Tensor4D;
}

/**
 * Takes up a picture.
 *
 * @param owner of the message
 * @param image pixels, or a tensor `[height, width, channels]` that is normalised as the model takes it
 * @throws {Error} when it is neither
 */
export function pictureSource(owner: string, image: PixelImage | tf.Tensor): PictureSource {
  if (image instanceof tf.Tensor) {
    const { rank, shape } = image;
    const fits = (rank === 3 || (rank === 4 && shape[0] === 1)) && !shape.includes(0);
    requireArgument(owner, 'image', image, fits, 'one image, [height, width, channels]');
    const tensor: tf.Tensor4D = tf.tidy(() =>
      tf.cast(tf.reshape(image, [1, ...shape.slice(-3)] as [1, number, number, number]), 'float32'),
    );
    return {
      size: [tensor.shape[1], tensor.shape[2]],
      tensor,
      at: (size) => resizeForward(tensor, size) as tf.Tensor4D,
    };
  }
  const { width, height, data } = toRgb(image);
  const tensor = tf.tensor4d(Float32Array.from(data), [1, height, width, 3]);
  return {
    size: [height, width],
    tensor,
    at: (size, { mean, std }) =>
      tf.tidy(() => {
        // Bytes again, as a library of images gives them.
        const resized = tf.round(resizeForward(tensor, size));
        const centred = tf.sub(tf.div(resized, 255), tf.tensor1d([...mean]));
        return tf.div(centred, tf.tensor1d([...std]));
      }),
  };
}
