/** The augmentation of published segmentation: a picture and its label map together, without tensors. */
import { requireArgument, requireInteger, requireSides } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { IGNORED, type LabelMap, requireLabelMap } from '../preprocessing/label_map';
import { rescaledSize } from '../preprocessing/rescaled_size';
import type { Region } from '../preprocessing/resize_bicubic';
import { nearestPixels, resizeLinear } from '../preprocessing/resize_linear';
import { type Interval, requireInterval, requireProbability } from './checks';
import { flipHorizontally } from './flip_pixels';
import {
  AMOUNTS,
  distort,
  type PhotometricAmounts,
  photometricAmounts,
} from './photometric_distortion';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';

/** A picture with the class of each pixel. */
export interface LabelledPixels {
  readonly image: RgbImage;
  /** Of the picture's size. */
  readonly labels: LabelMap;
}

/** Options of `segmentationTransform`. */
export interface SegmentationTransformOptions {
  /** `[height, width]` that a crop has at most, in pixels. Default `[512, 512]`. */
  cropSize?: readonly [number, number];
  /**
   * What the shorter side becomes at a factor of 1; the longer one at most 4 times that. Null, the default: the
   * picture keeps its size.
   */
  shortSide?: number | null;
  /** Lowest and highest factor of the size, above 0. Default `[0.5, 2]`. */
  scale?: Interval;
  /**
   * Most that one class may have of a crop's pixels, in (0, 1]: of ten crops the first is taken that has less, and
   * two classes. Default 0.75; 1: whatever they hold.
   */
  classShare?: number;
  /** Probability that left and right change places. Default 0.5. */
  flip?: number;
  /** How colours change; null: not at all. Default: that of `photometricDistortion`. */
  photometric?: PhotometricAmounts | null;
  /** Label of pixels that count as no class. Default 255. */
  ignoreLabel?: number;
}

export const SEGMENTATION_TRANSFORM_OPTIONS: OptionNames<SegmentationTransformOptions> = {
  cropSize: true,
  shortSide: true,
  scale: true,
  classShare: true,
  flip: true,
  photometric: true,
  ignoreLabel: true,
};

/** Which draws are whose: what one step draws moves no other's. */
const STREAMS = { scale: 0, crop: 1, flip: 2, colour: 3 } as const;

/** Crops that are drawn until one has a class's share right. */
const TRIES = 10;

/** Changes a picture and its labels; a function of them and the seed alone. */
export type SegmentationTransform = (
  image: PixelImage,
  labels: LabelMap,
  seed: Seed,
) => LabelledPixels;

const OWNER = 'segmentationTransform';

/**
 * Makes the augmentation of the published segmentation training, in its order: scale jitter (the picture bilinear, its
 * labels by the nearest), a crop in which no class has more than its share, flip, photometric distortion. Where the
 * scaled picture is smaller than the crop, so is the result: what is missing is filled up behind normalising, with 0 and
 * `ignoreLabel` (as `fineTuneSegmenter` does).
 *
 * Source: mmsegmentation 0.x, `Resize` with `ratio_range`, `RandomCrop` with `cat_max_ratio`, `RandomFlip`,
 * `PhotoMetricDistortion`, of `ade20k_640x640.py`.
 *
 * @throws {Error} when an option is unknown or out of range; the transform throws when a picture or its labels are
 *   malformed, or not of one size
 *
 * @example
 * const transform = segmentationTransform({ cropSize: [640, 640], shortSide: 640 });
 * const { image, labels } = transform(picture, map, seededRandom(seed, epoch, index));
 */
export function segmentationTransform(
  options: SegmentationTransformOptions = {},
): SegmentationTransform {
  requireOptions(OWNER, options, SEGMENTATION_TRANSFORM_OPTIONS);
  const { scale = [0.5, 2], classShare = 0.75, flip = 0.5, photometric = {} } = options;
  const { shortSide = null, ignoreLabel = IGNORED } = options;
  const cropSize = requireSides(OWNER, 'cropSize', options.cropSize ?? [512, 512]);
  if (shortSide !== null) requireInteger(OWNER, 'shortSide', shortSide, 1);
  requireInterval(OWNER, 'scale', scale, Number.MIN_VALUE);
  const isShare = classShare > 0 && classShare <= 1;
  requireArgument(OWNER, 'classShare', classShare, isShare, 'a share in (0, 1]');
  requireProbability(OWNER, 'flip', flip);
  requireInteger(OWNER, 'ignoreLabel', ignoreLabel, 0);
  if (photometric !== null) requireOptions(`${OWNER}: photometric`, photometric, AMOUNTS);
  const amounts = photometric && photometricAmounts(`${OWNER}: photometric`, photometric);

  return (image, labels, seed) => {
    const rgb = toRgb(image);
    requireLabelMap(OWNER, labels);
    requireSameSize(OWNER, rgb, labels);
    const random = randomOf(OWNER, seed);
    const factor = random.split(STREAMS.scale).between(...scale);
    const size = rescaledSize(factor, [rgb.height, rgb.width], shortSide);
    const cropped = crop(labels, size, cropSize, random.split(STREAMS.crop), {
      classShare,
      ignoreLabel,
    });
    let pixels = resizeLinear(rgb, size[1], size[0], cropped.region);
    let map = cropped.labels;
    if (random.split(STREAMS.flip).uniform() < flip) {
      [pixels, map] = [flipHorizontally(pixels), flippedMap(map)];
    }
    if (amounts) pixels = distort(pixels, amounts, random.split(STREAMS.colour));
    return { image: ownPixels(pixels, image), labels: map };
  };
}

/** @throws {Error} when a picture and its labels are not of one size */
export function requireSameSize(
  owner: string,
  image: { width: number; height: number },
  labels: { width: number; height: number },
): void {
  if (image.width === labels.width && image.height === labels.height) return;
  throw new Error(
    `${owner}: a picture of ${image.width} x ${image.height} pixels has labels of ${labels.width} x ` +
      `${labels.height}; expected one for each pixel`,
  );
}

/** Draws crops of the resized labels until one has the classes that it should. */
function crop(
  labels: LabelMap,
  [height, width]: readonly [number, number],
  [most, broadest]: readonly [number, number],
  random: SeededRandom,
  { classShare, ignoreLabel }: { classShare: number; ignoreLabel: number },
): { region: Region; labels: LabelMap } {
  const size = { height: Math.min(most, height), width: Math.min(broadest, width) };
  const draw = () => {
    const top = random.integer(height - size.height + 1);
    const left = random.integer(width - size.width + 1);
    const region = { ...size, top, left };
    return { region, labels: cutLabels(labels, width, height, region) };
  };
  let drawn = draw();
  if (classShare >= 1) return drawn;
  for (let i = 0; i < TRIES && !isMixed(drawn.labels, classShare, ignoreLabel); i++) drawn = draw();
  return drawn;
}

/** Whether labels are of 16 bits. They may be of another realm, as those that a thread has sent. */
const isWide = ({ data }: LabelMap) => data.BYTES_PER_ELEMENT === 2;

/** A rectangle of the resized labels, of which the rest is never made. */
function cutLabels(labels: LabelMap, width: number, height: number, region: Region): LabelMap {
  const rows = nearestPixels(labels.height, height, region.top, region.height);
  const columns = nearestPixels(labels.width, width, region.left, region.width);
  const pixels = region.width * region.height;
  const data = isWide(labels) ? new Uint16Array(pixels) : new Uint8Array(pixels);
  let to = 0;
  for (const row of rows) {
    const start = row * labels.width;
    for (const column of columns) data[to++] = labels.data[start + column] as number;
  }
  return { width: region.width, height: region.height, data };
}

/** Whether two classes or more are there, none of them with too large a share of what counts. */
function isMixed(labels: LabelMap, classShare: number, ignoreLabel: number): boolean {
  const counts = new Uint32Array(isWide(labels) ? 2 ** 16 : 256);
  for (const label of labels.data) (counts[label] as number)++;
  counts[ignoreLabel] = 0;
  let [classes, total, largest] = [0, 0, 0];
  for (const count of counts) {
    if (count > 0) classes++;
    total += count;
    largest = Math.max(largest, count);
  }
  return classes > 1 && largest / total < classShare;
}

/** Left and right change places. */
function flippedMap(map: LabelMap): LabelMap {
  const data = map.data.slice();
  for (let start = 0; start < data.length; start += map.width) {
    data.subarray(start, start + map.width).reverse();
  }
  return { ...map, data };
}
