/** Random rectangles of noise or of one colour, on single images and on batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { roundHalfToEven } from '../common/rounding';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { requireStatistics } from '../preprocessing/normalization_table';
import type { Region } from '../preprocessing/resize_bicubic';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import { type Interval, requireImages, requireInterval, requireProbability } from './checks';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';

/** What is erased. */
export interface Erasing {
  /** Probability that an image is erased from. Default 0.25. */
  probability?: number;
  /**
   * What comes in: `'pixel'`, standard normal noise; `'rand'`, one colour of it for each rectangle; `'const'`,
   * 0, the mean colour. Default `'pixel'`.
   */
  mode?: 'pixel' | 'rand' | 'const';
  /** Rectangles, or the fewest and the most of them; they share the area. Default 1. */
  count?: number | Interval;
  /** Lowest and highest share of the image's area, in (0, 1]. Default `[0.02, 1/3]`. */
  scale?: Interval;
  /** Lowest and highest height over width. Default `[0.3, 1/0.3]`. */
  ratio?: Interval;
}

/** Options of `randomErasing`. */
export interface RandomErasingOptions extends Erasing {
  /** Mean of each channel by which noise becomes bytes, of pixels in 0..1; not for tensors. Default: ImageNet's. */
  mean?: readonly [number, number, number];
  /** Deviation of each channel, as `mean`. Default: ImageNet's. */
  std?: readonly [number, number, number];
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const ERASING: OptionNames<Erasing> = {
  probability: true,
  mode: true,
  count: true,
  scale: true,
  ratio: true,
};
const OPTIONS: OptionNames<RandomErasingOptions> = {
  ...ERASING,
  mean: true,
  std: true,
  seed: true,
};

/** Checked options, each with its value. */
export interface CheckedErasing extends Required<Omit<Erasing, 'count'>> {
  count: Interval;
}

/**
 * What is erased, checked.
 *
 * @throws {Error} when an option is out of range
 */
export function checkErasing(owner: string, options: Erasing): CheckedErasing {
  const { probability = 0.25, mode = 'pixel', count = 1 } = options;
  const { scale = [0.02, 1 / 3], ratio = [0.3, 1 / 0.3] } = options;
  requireProbability(owner, 'probability', probability);
  requireOneOf(owner, 'mode', mode, ['pixel', 'rand', 'const']);
  const [fewest, most] = (Array.isArray(count) ? count : [count, count]) as [unknown, unknown];
  const isCount = [fewest, most].every((n) => Number.isInteger(n) && (n as number) >= 1);
  const fits = isCount && (fewest as number) <= (most as number);
  requireArgument(owner, 'count', count, fits, 'an integer from 1, or [fewest, most]');
  requireInterval(owner, 'scale', scale, Number.MIN_VALUE, 1);
  requireInterval(owner, 'ratio', ratio, Number.MIN_VALUE);
  return { probability, mode, count: [fewest, most] as [number, number], scale, ratio };
}

/** Asserts the names of what is erased. */
export function requireErasing(owner: string, erasing: unknown): void {
  requireOptions(owner, erasing, ERASING);
}

/** How often a rectangle is drawn until one is smaller than the image. */
const TRIES = 10;

function drawRegion(
  height: number,
  width: number,
  { scale, ratio }: CheckedErasing,
  count: number,
  random: SeededRandom,
): Region | null {
  const [flat, tall] = ratio;
  for (let i = 0; i < TRIES; i++) {
    const area = (random.between(...scale) * height * width) / count;
    const aspect = Math.exp(random.between(Math.log(flat), Math.log(tall)));
    const h = roundHalfToEven(Math.sqrt(area * aspect));
    const w = roundHalfToEven(Math.sqrt(area / aspect));
    if (w >= width || h >= height) continue;
    const top = random.integer(height - h + 1);
    const left = random.integer(width - w + 1);
    return { left, top, width: w, height: h };
  }
  return null;
}

/** Writes standard normal noise, or 0, into a rectangle of an image of `width` pixels a row, which begins at `at`. */
function fillRegion(
  values: Float32Array,
  at: number,
  width: number,
  channels: number,
  region: Region,
  mode: CheckedErasing['mode'],
  random: SeededRandom,
): void {
  const one = Array.from({ length: channels }, () => (mode === 'rand' ? random.normal() : 0));
  for (let y = region.top; y < region.top + region.height; y++) {
    const start = at + channels * (width * y + region.left);
    const end = start + channels * region.width;
    if (mode === 'pixel') for (let i = start; i < end; i++) values[i] = random.normal();
    else for (let i = start; i < end; i++) values[i] = one[(i - start) % channels] as number;
  }
}

/** Whether an image is erased from. */
export function isErased({ probability }: CheckedErasing, random: SeededRandom): boolean {
  return random.uniform() < probability;
}

/**
 * Erases from an image of floats, as timm's `RandomErasing` from a normalised one, in place.
 *
 * @param values channels last, with others before and behind; the image begins at `at`
 * @returns the rectangles
 */
export function eraseValues(
  values: Float32Array,
  at: number,
  [height, width, channels]: readonly [number, number, number],
  erasing: CheckedErasing,
  random: SeededRandom,
): Region[] {
  const [fewest, most] = erasing.count;
  const count = fewest + random.integer(most - fewest + 1);
  const regions: Region[] = [];
  for (let i = 0; i < count; i++) {
    const region = drawRegion(height, width, erasing, count, random);
    if (!region) continue;
    fillRegion(values, at, width, channels, region, erasing.mode, random);
    regions.push(region);
  }
  return regions;
}

/** Calls `fn` with the offset of every value inside of regions. */
function forEachInside(
  regions: readonly Region[],
  width: number,
  channels: number,
  fn: (i: number) => void,
): void {
  for (const region of regions) {
    for (let y = region.top; y < region.top + region.height; y++) {
      const start = channels * (width * y + region.left);
      for (let i = start; i < start + channels * region.width; i++) fn(i);
    }
  }
}

function eraseBytes(
  image: RgbImage,
  erasing: CheckedErasing,
  mean: readonly number[],
  std: readonly number[],
  random: SeededRandom,
): RgbImage {
  if (!isErased(erasing, random)) return image;
  const { width, height, data } = image;
  const noise = new Float32Array(data.length);
  const regions = eraseValues(noise, 0, [height, width, 3], erasing, random);
  const erased = data.slice();
  forEachInside(regions, width, 3, (i) => {
    const value = (mean[i % 3] as number) + (std[i % 3] as number) * (noise[i] as number);
    erased[i] = Math.max(0, Math.min(255, Math.round(255 * value)));
  });
  return { width, height, data: erased };
}

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
