/** Random crops that are resized to one size. */
import { requireSides } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { roundHalfToEven } from '../common/rounding';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { type Region, resizeBicubic } from '../preprocessing/resize_bicubic';
import { type Interval, requireInterval } from './checks';
import { randomOf, type Seed, type SeededRandom } from './random';

/** Options of `randomResizedCrop`. */
export interface RandomResizedCropOptions {
  /** `[height, width]` of the result in pixels. Default `[224, 224]`. */
  size?: readonly [number, number];
  /** Lowest and highest share of the image's area that is cut out, in (0, 1]. Default `[0.08, 1]`. */
  scale?: Interval;
  /** Lowest and highest width over height of what is cut out. Default `[3/4, 4/3]`. */
  ratio?: Interval;
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const OPTIONS: OptionNames<RandomResizedCropOptions> = {
  size: true,
  scale: true,
  ratio: true,
  seed: true,
};

export const CROP_SCALE: Interval = [0.08, 1];
export const CROP_RATIO: Interval = [3 / 4, 4 / 3];

/** Asserts what is cut out. */
export function requireCrop(owner: string, scale: unknown, ratio: unknown): void {
  requireInterval(owner, 'scale', scale, Number.MIN_VALUE, 1);
  requireInterval(owner, 'ratio', ratio, Number.MIN_VALUE);
}

/** How often a rectangle is drawn until one lies inside. */
const TRIES = 10;

/** What is cut out of an image: as torchvision's `RandomResizedCrop.get_params`. */
export function drawCrop(
  { width, height }: PixelImage,
  scale: Interval,
  ratio: Interval,
  random: SeededRandom,
): Region {
  const [narrow, broad] = ratio;
  for (let i = 0; i < TRIES; i++) {
    const area = width * height * random.between(...scale);
    const aspect = Math.exp(random.between(Math.log(narrow), Math.log(broad)));
    const w = roundHalfToEven(Math.sqrt(area * aspect));
    const h = roundHalfToEven(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = random.integer(height - h + 1);
    const left = random.integer(width - w + 1);
    return { left, top, width: w, height: h };
  }
  const given = width / height;
  // Of a strip of one pixel half a pixel would be left.
  const w = given > broad ? Math.max(1, roundHalfToEven(height * broad)) : width;
  const h = given < narrow ? Math.max(1, roundHalfToEven(width / narrow)) : height;
  return {
    left: Math.floor((width - w) / 2),
    top: Math.floor((height - h) / 2),
    width: w,
    height: h,
  };
}

/** A rectangle of an image. */
export function cut(image: RgbImage, { left, top, width, height }: Region): RgbImage {
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * (image.width * (top + y) + left);
    data.set(image.data.subarray(start, start + 3 * width), 3 * width * y);
  }
  return { width, height, data };
}

/** A rectangle, resized. The filter sees nothing of what is outside. */
export function cropAndResize(
  image: RgbImage,
  region: Region,
  [height, width]: readonly [number, number],
): RgbImage {
  return resizeBicubic(cut(image, region), width, height);
}

/**
 * A random rectangle of an image, resized with Pillow's bicubic filter: torchvision's `RandomResizedCrop`
 * (Szegedy et al. 2015, arXiv 1409.4842, section 6). Area and aspect ratio (by its logarithm) are uniform in
 * their ranges; where ten rectangles do not fit into the image, the largest in its middle that has a permitted
 * ratio is taken.
 *
 * @param image RGB or RGBA pixels, 8 bits; alpha is dropped
 * @returns RGB pixels of `size`
 * @throws {Error} when the image is malformed, or an option is unknown or out of range
 */
export function randomResizedCrop(
  image: PixelImage,
  options: RandomResizedCropOptions = {},
): RgbImage {
  requireOptions('randomResizedCrop', options, OPTIONS);
  const { scale = CROP_SCALE, ratio = CROP_RATIO } = options;
  const size = requireSides('randomResizedCrop', 'size', options.size ?? [224, 224]);
  requireCrop('randomResizedCrop', scale, ratio);
  const rgb = toRgb(image);
  const random = randomOf('randomResizedCrop', options.seed);
  return cropAndResize(rgb, drawCrop(rgb, scale, ratio, random), size);
}
