/** Random rectangles of noise or of one colour, on single images and on batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { requireStatistics } from '../preprocessing/normalization_table';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import { eraseBytes, forEachInside } from './erase_bytes';
import {
  type CheckedErasing,
  checkErasing,
  eraseValues,
  ERASING,
  type Erasing,
  isErased,
} from './erase_values';
import { requireImages } from './image_batch';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';

/** Options of `randomErasing`. */
export interface RandomErasingOptions extends Erasing {
  /** Mean of each channel by which noise becomes bytes, of pixels in 0..1; not for tensors. Default: ImageNet's. */
  mean?: readonly [number, number, number];
  /** Deviation of each channel, as `mean`. Default: ImageNet's. */
  std?: readonly [number, number, number];
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const OPTIONS: OptionNames<RandomErasingOptions> = {
  ...ERASING,
  mean: true,
  std: true,
  seed: true,
};

function eraseTensor(
  images: tf.Tensor4D,
  erasing: CheckedErasing,
  random: SeededRandom,
): tf.Tensor4D {
  const [batch, height, width, channels] = images.shape;
  const shape: [number, number, number] = [height, width, channels];
  const draw = random.integer(2 ** 32);
  return tf.tidy(() => {
    const erased = new Map<number, tf.Tensor3D>();
    for (let i = 0; i < batch; i++) {
      const own = random.split(draw, i);
      if (!isErased(erasing, own)) continue;
      const noise = new Float32Array(height * width * channels);
      const regions = eraseValues(noise, 0, shape, erasing, own);
      const mask = new Uint8Array(noise.length);
      forEachInside(regions, width, channels, (at) => (mask[at] = 1));
      const image = tf.reshape(tf.slice(images, [i, 0, 0, 0], [1, ...shape]), shape);
      const inside = tf.tensor3d(mask, shape, 'bool');
      erased.set(i, tf.where(inside, tf.tensor3d(noise, shape), image) as tf.Tensor3D);
    }
    if (erased.size === 0) return tf.clone(images);
    const rest = tf.unstack(images) as tf.Tensor3D[];
    return tf.stack(rest.map((image, i) => erased.get(i) ?? image)) as tf.Tensor4D;
  });
}

/**
 * Replaces a random rectangle of an image, or of each image of a batch on its own, by noise or one colour (Zhong et al.
 * 2017, arXiv 1708.04896), in timm's form. The area is uniform in its range, the aspect ratio by its logarithm; a
 * rectangle as high or as wide as the image is drawn anew, ten times at most.
 *
 * @param images float32 `[batch, height, width, channels]`, normalised: noise has mean 0 and deviation 1; or RGB
 *   or RGBA pixels, 8 bits (alpha is dropped), where the same noise is taken by `mean` and `std` to bytes, and clipped
 * @returns the same kind and size; a tensor is new, and the caller disposes it
 * @throws {Error} when the image is malformed, the tensor is of another rank or dtype, or an option is unknown
 *   or out of range
 */
export function randomErasing(images: PixelImage, options?: RandomErasingOptions): RgbImage;
export function randomErasing(images: tf.Tensor4D, options?: RandomErasingOptions): tf.Tensor4D;
export function randomErasing(
  images: PixelImage | tf.Tensor4D,
  options: RandomErasingOptions = {},
): RgbImage | tf.Tensor4D {
  requireOptions('randomErasing', options, OPTIONS);
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD, seed, ...given } = options;
  const erasing = checkErasing('randomErasing', given);
  requireStatistics('randomErasing', mean, std);
  if (!(images instanceof tf.Tensor)) {
    const rgb = toRgb(images);
    const random = randomOf('randomErasing', seed);
    return ownPixels(eraseBytes(rgb, erasing, mean, std, random), images);
  }
  requireImages('randomErasing', images);
  const expected = 'float32: normalise images before erasing, or erase from bytes';
  requireArgument('randomErasing', 'dtype', images.dtype, images.dtype === 'float32', expected);
  return eraseTensor(images, erasing, randomOf('randomErasing', seed));
}
