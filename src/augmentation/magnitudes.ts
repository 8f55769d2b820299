/** The operations of RandAugment by timm's names, and what a magnitude means to each. */
import type { RgbImage } from '../preprocessing/image';
import { type AffineOptions, rotate, shearX, shearY, translateX, translateY } from './affine';
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance';
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from './tones';

/** The magnitude at which an operation is at its strongest in the published policies. */
export const FULL_MAGNITUDE = 10;

/** Which way an operation goes that has two. */
export type Sign = 1 | -1;

/** One operation: `level` is the magnitude over 10. */
type Operation = (image: RgbImage, level: number, sign: Sign, options: AffineOptions) => RgbImage;

/** From 0.1 to 1.9. */
const factorOf = (level: number) => level * 1.8 + 0.1;

/** As far from 1 as the level says, on either side. */
const increasingFactor = (level: number, sign: Sign) => Math.max(0.1, 1 + sign * (level * 0.9));

const bitsOf = (level: number) => Math.trunc(level * 4);
const thresholdOf = (level: number) => Math.min(256, Math.trunc(level * 256));

/** What each operation does at a level, as `timm.data.auto_augment` has it. */
const OPERATIONS = {
  AutoContrast: (image) => autoContrast(image),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
  Rotate: (image, level, sign, options) => rotate(image, sign * (level * 30), options),
  Posterize: (image, level) => posterize(image, bitsOf(level)),
  PosterizeIncreasing: (image, level) => posterize(image, 4 - bitsOf(level)),
  Solarize: (image, level) => solarize(image, thresholdOf(level)),
  SolarizeIncreasing: (image, level) => solarize(image, 256 - thresholdOf(level)),
  SolarizeAdd: (image, level) => solarizeAdd(image, Math.min(128, Math.trunc(level * 110))),
  Color: (image, level) => adjustSaturation(image, factorOf(level)),
  ColorIncreasing: (image, level, sign) => adjustSaturation(image, increasingFactor(level, sign)),
  Contrast: (image, level) => adjustContrast(image, factorOf(level)),
  ContrastIncreasing: (image, level, sign) => adjustContrast(image, increasingFactor(level, sign)),
  Brightness: (image, level) => adjustBrightness(image, factorOf(level)),
  BrightnessIncreasing: (image, level, sign) =>
    adjustBrightness(image, increasingFactor(level, sign)),
  Sharpness: (image, level) => adjustSharpness(image, factorOf(level)),
  SharpnessIncreasing: (image, level, sign) =>
    adjustSharpness(image, increasingFactor(level, sign)),
  ShearX: (image, level, sign, options) => shearX(image, sign * (level * 0.3), options),
  ShearY: (image, level, sign, options) => shearY(image, sign * (level * 0.3), options),
  TranslateXRel: (image, level, sign, options) => translateX(image, sign * (level * 0.45), options),
  TranslateYRel: (image, level, sign, options) => translateY(image, sign * (level * 0.45), options),
} as const satisfies Record<string, Operation>;

/** An operation of RandAugment, by timm's name. */
export type AugmentationName = keyof typeof OPERATIONS;

export const AUGMENTATION_NAMES = Object.keys(OPERATIONS) as readonly AugmentationName[];

/**
 * An image after one operation.
 *
 * @param magnitude from 0; 10 is the strongest of the published policies
 * @param sign of the magnitude, where an operation has two ways to go
 */
export function augmentBy(
  name: AugmentationName,
  image: RgbImage,
  magnitude: number,
  sign: Sign,
  options: AffineOptions,
): RgbImage {
  const operation: Operation = OPERATIONS[name];
  return operation(image, magnitude / FULL_MAGNITUDE, sign, options);
}
