/** Random mirroring, of single images and of batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { requireProbability } from './checks';
import { flipHorizontally, flipVertically } from './flip_pixels';
import { requireImages } from './image_batch';
import { ownPixels } from './pixels';
import { randomOf, type Seed } from './random';

/** Options of `randomFlip`. */
export interface RandomFlipOptions {
  /** Probability that an image is mirrored. Default 0.5. */
  probability?: number;
  /** Whether left and right change places, or top and bottom. Default `'horizontal'`. */
  direction?: 'horizontal' | 'vertical';
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const OPTIONS: OptionNames<RandomFlipOptions> = { probability: true, direction: true, seed: true };

/**
 * Mirrors an image, or each image of a batch on its own, with a probability.
 *
 * @param images RGB or RGBA pixels, 8 bits (alpha is dropped), or a tensor `[batch, height, width, channels]` of
 *   any dtype
 * @returns the same kind and size; a tensor is new, and the caller disposes it
 * @throws {Error} when the image is malformed, the tensor has another rank, or an option is unknown or out of range
 */
export function randomFlip(images: PixelImage, options?: RandomFlipOptions): RgbImage;
export function randomFlip(images: tf.Tensor4D, options?: RandomFlipOptions): tf.Tensor4D;
export function randomFlip(
  images: PixelImage | tf.Tensor4D,
  options: RandomFlipOptions = {},
): RgbImage | tf.Tensor4D {
  requireOptions('randomFlip', options, OPTIONS);
  const { probability = 0.5, direction = 'horizontal', seed } = options;
  requireProbability('randomFlip', 'probability', probability);
  requireOneOf('randomFlip', 'direction', direction, ['horizontal', 'vertical']);
  const isHorizontal = direction === 'horizontal';
  if (!(images instanceof tf.Tensor)) {
    const rgb = toRgb(images);
    if (randomOf('randomFlip', seed).uniform() >= probability) return ownPixels(rgb, images);
    return isHorizontal ? flipHorizontally(rgb) : flipVertically(rgb);
  }
  requireImages('randomFlip', images);
  const random = randomOf('randomFlip', seed);
  const flips = Array.from({ length: images.shape[0] }, () => random.uniform() < probability);
  if (!flips.includes(true)) return tf.clone(images);
  return tf.tidy(() => {
    const flipped = tf.reverse(images, isHorizontal ? 2 : 1);
    if (!flips.includes(false)) return flipped;
    // Of the full shape: to broadcast takes some backends longer than all the rest.
    const mask = new Uint8Array(images.size);
    const size = images.size / flips.length;
    flips.forEach((isFlipped, i) => isFlipped && mask.fill(1, size * i, size * (i + 1)));
    return tf.where(tf.tensor4d(mask, images.shape, 'bool'), flipped, images);
  });
}
