/** The published augmentation of training images, from pixels to model input. */
import * as tf from '@tensorflow/tfjs-core';

import { requireList } from '../common/arguments';
import { noteNormalized } from '../common/pixel_statistics';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import type { Seed } from './random';
import { OWNER, trainingPixels, type TrainingTransformOptions } from './training_pixels';

/** Makes model input of training images. All of it is a pure function of the image and the seed. */
export interface TrainingTransform {
  /** `[height, width]` of the result in pixels. */
  readonly inputSize: readonly [number, number];
  /** The first part, on bytes, fit for a worker thread: crop, flip, and RandAugment or colour jitter. */
  pixels(image: PixelImage, seed: Seed): RgbImage;
  /**
   * The second part, on floats: normalises what `pixels` gave for the same seed, and erases.
   *
   * @returns `[height, width, 3]`, row by row
   */
  finish(pixels: RgbImage, seed: Seed): Float32Array;
  /** Both parts. */
  values(image: PixelImage, seed: Seed): Float32Array;
  /**
   * Both parts for a batch, with a seed for each image.
   *
   * @returns float32 `[images, height, width, 3]`; the caller disposes it
   */
  batch(images: readonly PixelImage[], seeds: readonly Seed[]): tf.Tensor4D;
}

/**
 * The augmentation of the published recipe (timm's `create_transform`), in its order: random resized crop (bicubic),
 * flip, RandAugment, normalising, random erasing. Its counterpart in evaluation is `preprocess`; mixup and cutmix come
 * after it, on batches (`mixupOrCutmix`).
 *
 * Options are checked here, once. They are plain data, so a worker thread can make the same transform.
 *
 * @throws {Error} when an option is unknown or out of range
 */
export function trainingTransform(options: TrainingTransformOptions = {}): TrainingTransform {
  const { mean, std, inputSize, pixels, write } = trainingPixels(options);
  const [height, width] = inputSize;
  const size = 3 * height * width;
  const finish = (image: RgbImage, seed: Seed): Float32Array => {
    const target = new Float32Array(size);
    write(toRgb(image), seed, target, 0);
    return target;
  };
  const batch = (images: readonly PixelImage[], seeds: readonly Seed[]): tf.Tensor4D => {
    requireList(OWNER, 'images', images, 'images');
    requireList(OWNER, 'seeds', seeds, 'integers, or of what seededRandom gives');
    if (images.length === 0 || images.length !== seeds.length) {
      throw new Error(
        `${OWNER}: ${images.length} images and ${seeds.length} seeds; expected one each, and one at least`,
      );
    }
    const target = new Float32Array(images.length * size);
    images.forEach((image, i) => {
      const seed = seeds[i] as Seed;
      write(pixels(image, seed), seed, target, size * i);
    });
    noteNormalized(mean, std);
    return tf.tensor4d(target, [images.length, height, width, 3]);
  };
  return {
    inputSize,
    pixels,
    finish,
    values: (image, seed) => finish(pixels(image, seed), seed),
    batch,
  };
}
