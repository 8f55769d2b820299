/** The operations of RandAugment by timm's names, and what a magnitude means to each. */
import type { RgbImage } from '../preprocessing/image';
import { type AffineOptions, rotate, shearX, shearY, translateX, translateY } from './affine';
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance';
import type { SeededRandom } from './random';
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from './tones';

/** The magnitude at which an operation is at its strongest in the published policies. */
export const FULL_MAGNITUDE = 10;

/** One operation: `level` is the magnitude over 10. */
type Operation = (
  image: RgbImage,
  level: number,
  random: SeededRandom,
  options: AffineOptions,
) => RgbImage;

/** Either sign with the same probability. */
const signed = (value: number, random: SeededRandom) => (random.uniform() > 0.5 ? -value : value);

/** From 0.1 to 1.9. */
const factorOf = (level: number) => level * 1.8 + 0.1;

/** As far from 1 as the level says, on either side. */
const increasingFactor = (level: number, random: SeededRandom) =>
  Math.max(0.1, 1 + signed(level * 0.9, random));

const bitsOf = (level: number) => Math.trunc(level * 4);
const thresholdOf = (level: number) => Math.min(256, Math.trunc(level * 256));

/** What each operation does at a level, as `timm.data.auto_augment` has it. */
const OPERATIONS = {
  AutoContrast: (image) => autoContrast(image),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
  Rotate: (image, level, random, options) => rotate(image, signed(level * 30, random), options),
  Posterize: (image, level) => posterize(image, bitsOf(level)),
  PosterizeIncreasing: (image, level) => posterize(image, 4 - bitsOf(level)),
  Solarize: (image, level) => solarize(image, thresholdOf(level)),
  SolarizeIncreasing: (image, level) => solarize(image, 256 - thresholdOf(level)),
  SolarizeAdd: (image, level) => solarizeAdd(image, Math.min(128, Math.trunc(level * 110))),
  Color: (image, level) => adjustSaturation(image, factorOf(level)),
  ColorIncreasing: (image, level, random) =>
    adjustSaturation(image, increasingFactor(level, random)),
  Contrast: (image, level) => adjustContrast(image, factorOf(level)),
  ContrastIncreasing: (image, level, random) =>
    adjustContrast(image, increasingFactor(level, random)),
  Brightness: (image, level) => adjustBrightness(image, factorOf(level)),
  BrightnessIncreasing: (image, level, random) =>
    adjustBrightness(image, increasingFactor(level, random)),
  Sharpness: (image, level) => adjustSharpness(image, factorOf(level)),
  SharpnessIncreasing: (image, level, random) =>
    adjustSharpness(image, increasingFactor(level, random)),
  ShearX: (image, level, random, options) => shearX(image, signed(level * 0.3, random), options),
  ShearY: (image, level, random, options) => shearY(image, signed(level * 0.3, random), options),
  TranslateXRel: (image, level, random, options) =>
    translateX(image, signed(level * 0.45, random), options),
  TranslateYRel: (image, level, random, options) =>
    translateY(image, signed(level * 0.45, random), options),
} as const satisfies Record<string, Operation>;

/** An operation of RandAugment, by timm's name. */
export type AugmentationName = keyof typeof OPERATIONS;

export const AUGMENTATION_NAMES = Object.keys(OPERATIONS) as readonly AugmentationName[];

/**
 * An image after one operation.
 *
 * @param magnitude from 0; 10 is the strongest of the published policies
 * @param random draws the sign, where an operation has one
 */
export function augmentBy(
  name: AugmentationName,
  image: RgbImage,
  magnitude: number,
  random: SeededRandom,
  options: AffineOptions,
): RgbImage {
  const operation: Operation = OPERATIONS[name];
  return operation(image, magnitude / FULL_MAGNITUDE, random, options);
}
