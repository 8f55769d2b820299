/** The photometric distortion of published segmentation and detection: light, contrast, saturation, hue. */
import { requireArgument } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { type Interval, requireInterval } from './checks';
import { hsvToRgb, HUES, rgbToHsv } from './opencv_hsv';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';
import { mapBytes, tableOf } from './tones';

/** By how much `photometricDistortion` changes pictures. */
export interface PhotometricAmounts {
  /** Most that is added to or taken off every byte, 0..255. Default 32. */
  brightness?: number;
  /** Lowest and highest factor of bytes, from 0. Default `[0.5, 1.5]`. */
  contrast?: Interval;
  /** Lowest and highest factor of the saturation, from 0. Default `[0.5, 1.5]`. */
  saturation?: Interval;
  /** Most half degrees by which the hue is turned, a whole number in 0..90. Default 18. */
  hue?: number;
}

/** Options of `photometricDistortion`. */
export interface PhotometricDistortionOptions extends PhotometricAmounts {
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

export const AMOUNTS: OptionNames<PhotometricAmounts> = {
  brightness: true,
  contrast: true,
  saturation: true,
  hue: true,
};
const OPTIONS: OptionNames<PhotometricDistortionOptions> = { ...AMOUNTS, seed: true };

/** Asserts amounts, and fills in those left out. */
export function photometricAmounts(
  owner: string,
  amounts: PhotometricAmounts,
): Required<PhotometricAmounts> {
  const { brightness = 32, contrast = [0.5, 1.5], saturation = [0.5, 1.5], hue = 18 } = amounts;
  const isLight = brightness >= 0 && brightness <= 255;
  requireArgument(owner, 'brightness', brightness, isLight, 'a number in 0..255');
  requireInterval(owner, 'contrast', contrast, 0);
  requireInterval(owner, 'saturation', saturation, 0);
  const isTurn = Number.isInteger(hue) && hue >= 0 && hue <= HUES / 2;
  requireArgument(owner, 'hue', hue, isTurn, 'a whole number of half degrees in 0..90');
  return { brightness, contrast, saturation, hue };
}

const { fround } = Math;

/** Bytes as float32 times a factor and plus a summand, cut off to bytes. */
function linearTable(factor: number, summand: number): Uint8Array {
  return tableOf((byte) => Math.trunc(fround(fround(byte * fround(factor)) + fround(summand))));
}

/** A change of saturation and hue, by way of OpenCV's bytes of them; as they are where neither is drawn. */
function changeHsv(
  image: RgbImage,
  saturation: number | undefined,
  turn: number | undefined,
): RgbImage {
  let { data } = image;
  if (saturation !== undefined) {
    const table = linearTable(saturation, 0);
    const hsv = rgbToHsv(data);
    for (let i = 1; i < hsv.length; i += 3) hsv[i] = table[hsv[i] as number] as number;
    data = hsvToRgb(hsv);
  }
  if (turn !== undefined) {
    const hsv = rgbToHsv(data);
    for (let i = 0; i < hsv.length; i += 3) hsv[i] = ((hsv[i] as number) + turn + HUES) % HUES;
    data = hsvToRgb(hsv);
  }
  return { ...image, data: data as Uint8Array };
}

/** Makes the changes with amounts that are checked. */
export function distort(
  image: RgbImage,
  { brightness, contrast, saturation, hue }: Required<PhotometricAmounts>,
  random: SeededRandom,
): RgbImage {
  const isDrawn = () => random.integer(2) === 1;
  const drawn = {
    light: isDrawn() ? random.between(-brightness, brightness) : undefined,
    isContrastFirst: isDrawn(),
    contrast: isDrawn() ? random.between(...contrast) : undefined,
    saturation: isDrawn() ? random.between(...saturation) : undefined,
    // From -hue on, +hue itself is never drawn, as with numpy's randint.
    turn: isDrawn() && hue > 0 ? random.integer(2 * hue) - hue : undefined,
  };
  const factor = drawn.contrast;
  const contrasted = (one: RgbImage) =>
    factor === undefined ? one : mapBytes(one, linearTable(factor, 0));
  const lit = drawn.light === undefined ? image : mapBytes(image, linearTable(1, drawn.light));
  const first = drawn.isContrastFirst ? contrasted(lit) : lit;
  const coloured = changeHsv(first, drawn.saturation, drawn.turn);
  return drawn.isContrastFirst ? coloured : contrasted(coloured);
}

/**
 * Distorts the colours of an image: brightness, contrast, saturation and hue change, each with a probability of one
 * half, contrast before or behind the colours by chance. Every step gives bytes, cut off; saturation and hue are
 * OpenCV's.
 *
 * Source: `PhotoMetricDistortion` of mmsegmentation 0.x; first in SSD (Liu et al. 2016, arXiv 1512.02325, section 2.2).
 *
 * @param image RGB or RGBA pixels, 8 bits; alpha is dropped
 * @returns RGB pixels of the same size
 * @throws {Error} when the image is malformed, or an option is unknown or out of range
 */
export function photometricDistortion(
  image: PixelImage,
  options: PhotometricDistortionOptions = {},
): RgbImage {
  requireOptions('photometricDistortion', options, OPTIONS);
  const amounts = photometricAmounts('photometricDistortion', options);
  const rgb = toRgb(image);
  const random = randomOf('photometricDistortion', options.seed);
  return ownPixels(distort(rgb, amounts, random), image);
}
