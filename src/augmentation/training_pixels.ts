/** The published augmentation of training images, without tensors: fit for a worker thread. */
import { requireSides } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { roundHalfToEven } from '../common/rounding';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import {
  normalizationTable,
  normalizeBytes,
  requireStatistics,
} from '../preprocessing/normalization_table';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import { type Interval, requireProbability } from './checks';
import { changesOf, type ColorJitterAmounts, jitter, requireAmounts } from './color_jitter';
import { checkErasing, eraseValues, type Erasing, isErased, requireErasing } from './erase_values';
import { flipHorizontally } from './flip_pixels';
import { ownPixels } from './pixels';
import {
  augment,
  augmentationOf,
  PUBLISHED_POLICY,
  type RandAugmentOptions,
  UNSEEDED_OPTIONS,
} from './rand_augment';
import { randomOf, type Seed } from './random';
import {
  CROP_RATIO,
  CROP_SCALE,
  cropAndResize,
  drawCrop,
  requireCrop,
} from './random_resized_crop';

/** Options of `trainingTransform`. */
export interface TrainingTransformOptions {
  /** `[height, width]` of the model input in pixels, or that with 3 channels. Default `[224, 224]`. */
  inputSize?: readonly [number, number] | readonly [number, number, 3];
  /** `scale` of `randomResizedCrop`. Default `[0.08, 1]`. */
  scale?: Interval;
  /** `ratio` of `randomResizedCrop`. Default `[3/4, 4/3]`. */
  ratio?: Interval;
  /** Probability that left and right change places. Default 0.5. */
  flip?: number;
  /**
   * Options of `randAugment`, or its string; null: none. The fill is `mean`'s colour, unless given. Default:
   * `'rand-m9-mstd0.5-inc1'`.
   */
  randAugment?: string | Omit<RandAugmentOptions, 'seed'> | null;
  /**
   * Options of `colorJitter`, or one number for brightness, contrast and saturation. Without RandAugment only, as in
   * timm, whose published figure of 0.4 therefore does nothing there; 0: none. Default 0.4.
   */
  colorJitter?: number | ColorJitterAmounts;
  /** Options of `randomErasing`; null: none. Default `{ probability: 0.25, mode: 'pixel', count: 1 }`. */
  erasing?: Erasing | null;
  /** Per-channel mean, RGB, for pixels in 0..1. Default: ImageNet's. */
  mean?: readonly [number, number, number];
  /** Per-channel deviation, RGB, for pixels in 0..1. Default: ImageNet's. */
  std?: readonly [number, number, number];
}

const OPTIONS: OptionNames<TrainingTransformOptions> = {
  inputSize: true,
  scale: true,
  ratio: true,
  flip: true,
  randAugment: true,
  colorJitter: true,
  erasing: true,
  mean: true,
  std: true,
};

/** The steps of the pipeline; both are pure functions of what they are given. */
export interface TrainingPixels {
  mean: readonly number[];
  std: readonly number[];
  inputSize: readonly [number, number];
  pixels(image: PixelImage, seed: Seed): RgbImage;
  /** Writes the normalised values of what `pixels` gave, erased from, into `target` from `at` on. */
  write(image: RgbImage, seed: Seed, target: Float32Array, at: number): void;
}

/** Which draws are whose: what one step draws moves no other's. */
const STREAMS = { crop: 0, flip: 1, colour: 2, erasing: 3 } as const;

/** Whose errors these are. */
export const OWNER = 'trainingTransform';

/** The step between flipping and normalising; null where there is none. */
function colourStep(options: TrainingTransformOptions, mean: readonly number[]) {
  const { randAugment = PUBLISHED_POLICY, colorJitter = 0.4 } = options;
  const amounts =
    typeof colorJitter === 'number'
      ? { brightness: colorJitter, contrast: colorJitter, saturation: colorJitter }
      : colorJitter;
  requireAmounts(`${OWNER}: colorJitter`, amounts);
  const changes = changesOf(OWNER, amounts);
  if (randAugment === null) {
    return (image: RgbImage, seed: Seed) =>
      jitter(image, changes, randomOf(OWNER, seed).split(STREAMS.colour));
  }
  const given = typeof randAugment === 'string' ? { policy: randAugment } : randAugment;
  const fill = mean.map((value) => Math.max(0, Math.min(255, roundHalfToEven(255 * value))));
  requireOptions(`${OWNER}: randAugment`, given, UNSEEDED_OPTIONS);
  const augmentation = augmentationOf(OWNER, { fill: fill as [number, number, number], ...given });
  return (image: RgbImage, seed: Seed) =>
    augment(image, augmentation, randomOf(OWNER, seed).split(STREAMS.colour));
}

/**
 * The steps by their options.
 *
 * @throws {Error} when one is unknown or out of range
 */
export function trainingPixels(options: TrainingTransformOptions): TrainingPixels {
  requireOptions(OWNER, options, OPTIONS);
  const { scale = CROP_SCALE, ratio = CROP_RATIO, flip = 0.5, erasing = {} } = options;
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD } = options;
  const inputSize = requireSides(OWNER, 'inputSize', options.inputSize ?? [224, 224]);
  requireCrop(OWNER, scale, ratio);
  requireProbability(OWNER, 'flip', flip);
  requireStatistics(OWNER, mean, std);
  if (erasing !== null) requireErasing(`${OWNER}: erasing`, erasing);
  const checked = erasing && checkErasing(OWNER, erasing);
  const colour = colourStep(options, mean);
  const table = normalizationTable(mean, std);
  const [height, width] = inputSize;

  const pixels = (image: PixelImage, seed: Seed): RgbImage => {
    const random = randomOf(OWNER, seed);
    const rgb = toRgb(image);
    const region = drawCrop(rgb, scale, ratio, random.split(STREAMS.crop));
    const cropped = cropAndResize(rgb, region, inputSize);
    const isFlipped = random.split(STREAMS.flip).uniform() < flip;
    return ownPixels(colour(isFlipped ? flipHorizontally(cropped) : cropped, random), image);
  };
  const write = (image: RgbImage, seed: Seed, target: Float32Array, at: number): void => {
    if (image.width !== width || image.height !== height) {
      throw new Error(
        `${OWNER}: an image of ${image.width} x ${image.height} pixels to finish; expected what pixels ` +
          `gives, ${width} x ${height}`,
      );
    }
    normalizeBytes(image.data, table, target, at);
    const random = randomOf(OWNER, seed).split(STREAMS.erasing);
    if (checked && isErased(checked, random)) {
      eraseValues(target, at, [height, width, 3], checked, random);
    }
  };
  return { mean, std, inputSize, pixels, write };
}
