/** Mixup, cutmix, and the choice between them, on batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireProbability } from './checks';
import {
  type Box,
  type Mix,
  mixBatch,
  type MixedBatch,
  MIXING_OPTIONS,
  type MixingOptions,
} from './mixing';
import type { SeededRandom } from './random';
import type { Labels } from './soft_labels';

/** Options of `mixup`. */
export interface MixupOptions extends MixingOptions {
  /** The share of an image is drawn from the beta distribution of `(alpha, alpha)`. Default 0.8. */
  alpha?: number;
}

/** Options of `cutmix`. */
export interface CutmixOptions extends MixingOptions {
  /** The share of an image, before clipping, is drawn from the beta distribution of `(alpha, alpha)`. Default 1. */
  alpha?: number;
}

/** Options of `mixupOrCutmix`. */
export interface MixupOrCutmixOptions extends MixingOptions {
  /** `alpha` of `mixup`; 0: always cutmix. Default 0.8. */
  mixupAlpha?: number;
  /** `alpha` of `cutmix`; 0: always mixup. Default 1. */
  cutmixAlpha?: number;
  /** Probability of cutmix, where both may be. Default 0.5. */
  switchProbability?: number;
}

const ALPHA: OptionNames<MixupOptions> = { alpha: true, ...MIXING_OPTIONS };
const BOTH: OptionNames<MixupOrCutmixOptions> = {
  mixupAlpha: true,
  cutmixAlpha: true,
  switchProbability: true,
  ...MIXING_OPTIONS,
};

/** Asserts images, one at least. */
function requireBatch(owner: string, images: unknown, rank: 2 | 4): void {
  const isTensor = images instanceof tf.Tensor && images.dtype !== 'string';
  const fits = isTensor && (rank === 4 ? images.rank === 4 : images.rank >= 2) && images.size > 0;
  const expected =
    rank === 4
      ? 'a tensor [batch, height, width, channels]'
      : 'a tensor [batch, ...], such as [batch, height, width, channels]';
  requireArgument(owner, 'images', images, fits, expected);
}

const blendOf = (alpha: number, random: SeededRandom): Mix => ({
  share: random.beta(alpha, alpha),
  box: null,
});

/** A box of the area that a share leaves, about a point anywhere in the image, as far as it lies inside. */
export function drawBox(height: number, width: number, share: number, random: SeededRandom): Box {
  const side = Math.sqrt(1 - share);
  const [tall, broad] = [Math.trunc(height * side), Math.trunc(width * side)];
  const [y, x] = [random.integer(height), random.integer(width)];
  return {
    top: Math.max(0, y - Math.floor(tall / 2)),
    bottom: Math.min(height, y + Math.floor((tall + 1) / 2)),
    left: Math.max(0, x - Math.floor(broad / 2)),
    right: Math.min(width, x + Math.floor((broad + 1) / 2)),
  };
}

function pasteOf(alpha: number, shape: readonly number[], random: SeededRandom): Mix {
  const [, height, width] = shape as [number, number, number];
  const box = drawBox(height, width, random.beta(alpha, alpha), random);
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { share: 1 - area / (height * width), box };
}

/**
 * Blends each image of a batch, and its label, with another (Zhang et al. 2017, arXiv 1710.09412):
 * `x * share + partner * (1 - share)`. The partner of image i is the one at i from the end.
 *
 * @param images `[batch, ...]`, such as `[batch, height, width, channels]`; numbers of any dtype
 * @param labels integers (`numClasses` says of how many classes), or shares of classes; smoothed before mixing
 * @returns new tensors, which the caller disposes: `images`, float32 of the same shape, and `labels`, float32
 *   `[batch, classes]`, each row with the sum that it had
 * @throws {Error} when an option is unknown or out of range, shapes do not fit, or a label is no class (of a tensor on
 *   webgl and webgpu, where reading it would wait for the device, such a label is all 0)
 */
export function mixup<T extends tf.Tensor>(
  images: T,
  labels: Labels,
  options: MixupOptions = {},
): MixedBatch<T> {
  requireOptions('mixup', options, ALPHA);
  const { alpha = 0.8 } = options;
  requireRanges('mixup', [['alpha', alpha, alpha > 0, 'above 0']]);
  requireBatch('mixup', images, 2);
  const draw = (random: SeededRandom) => blendOf(alpha, random);
  return mixBatch({ owner: 'mixup', images, labels, options, draw });
}

/**
 * Replaces a rectangle of each image of a batch by the same part of another (Yun et al. 2019, arXiv 1905.04899). The
 * label's share is exactly that of the pixels, also where the rectangle was clipped at the border. The
 * partner of image i is the one at i from the end.
 *
 * @param images `[batch, height, width, channels]`; numbers of any dtype
 * @param labels as of `mixup`
 * @returns as `mixup`
 * @throws {Error} as `mixup`
 */
export function cutmix(
  images: tf.Tensor4D,
  labels: Labels,
  options: CutmixOptions = {},
): MixedBatch<tf.Tensor4D> {
  requireOptions('cutmix', options, ALPHA);
  const { alpha = 1 } = options;
  requireRanges('cutmix', [['alpha', alpha, alpha > 0, 'above 0']]);
  requireBatch('cutmix', images, 4);
  const draw = (random: SeededRandom) => pasteOf(alpha, images.shape, random);
  return mixBatch({ owner: 'cutmix', images, labels, options, draw });
}

/**
 * Mixup or cutmix, as the published recipe switches between them (timm's `Mixup`): one of the two for the whole
 * batch, or for each pair or image, by `mode`. The recipe adds `labelSmoothing: 0.1`.
 *
 * @param images `[batch, height, width, channels]`; numbers of any dtype
 * @param labels as of `mixup`
 * @returns as `mixup`
 * @throws {Error} as `mixup`, and when both alphas are 0
 */
export function mixupOrCutmix(
  images: tf.Tensor4D,
  labels: Labels,
  options: MixupOrCutmixOptions = {},
): MixedBatch<tf.Tensor4D> {
  const owner = 'mixupOrCutmix';
  requireOptions(owner, options, BOTH);
  const { mixupAlpha = 0.8, cutmixAlpha = 1, switchProbability = 0.5 } = options;
  requireRanges(owner, [
    ['mixupAlpha', mixupAlpha, mixupAlpha >= 0, 'from 0'],
    ['cutmixAlpha', cutmixAlpha, cutmixAlpha >= 0, 'from 0'],
  ]);
  requireProbability(owner, 'switchProbability', switchProbability);
  if (mixupAlpha === 0 && cutmixAlpha === 0) {
    throw new Error(`${owner}: mixupAlpha and cutmixAlpha are both 0; give one above 0`);
  }
  requireBatch(owner, images, 4);
  const draw = (random: SeededRandom) => {
    const isCutmix = mixupAlpha === 0 || (cutmixAlpha > 0 && random.uniform() < switchProbability);
    return isCutmix ? pasteOf(cutmixAlpha, images.shape, random) : blendOf(mixupAlpha, random);
  };
  return mixBatch({ owner, images, labels, options, draw });
}
