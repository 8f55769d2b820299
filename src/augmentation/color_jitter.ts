/** Random brightness, contrast, saturation and hue. */
import { shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { type Interval, requireInterval } from './checks';
import { adjustBrightness, adjustContrast, adjustSaturation } from './enhance';
import { adjustHue } from './hue';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';

/** How much colours may change. */
export interface ColorJitterAmounts {
  /** Factors in `1 - x .. 1 + x`, from 0 on, or `[lowest, highest]`. Default 0. */
  brightness?: number | Interval;
  /** Factors, as of brightness. Default 0. */
  contrast?: number | Interval;
  /** Factors, as of brightness. Default 0. */
  saturation?: number | Interval;
  /** Turns of the circle of hues in `-x .. x`, or `[lowest, highest]`, in -0.5..0.5. Default 0. */
  hue?: number | Interval;
}

/** Options of `colorJitter`. */
export interface ColorJitterOptions extends ColorJitterAmounts {
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

const AMOUNTS: OptionNames<ColorJitterAmounts> = {
  brightness: true,
  contrast: true,
  saturation: true,
  hue: true,
};
const OPTIONS: OptionNames<ColorJitterOptions> = { ...AMOUNTS, seed: true };

/** One change, with the range of its factor. */
interface Change {
  adjust: (image: RgbImage, factor: number) => RgbImage;
  range: Interval;
}

/** The range that an amount stands for; null where it changes nothing. */
function rangeOf(owner: string, name: string, amount: unknown): Interval | null {
  const [center, least, most] = name === 'hue' ? [0, -0.5, 0.5] : [1, 0, Infinity];
  if (typeof amount === 'number' && !(amount >= 0 && amount <= most)) {
    const limits = name === 'hue' ? 'in [0, 0.5]' : 'from 0';
    throw new Error(`${owner}: ${name} is ${shown(amount)}; expected a number ${limits}`);
  }
  const range =
    typeof amount === 'number' ? [Math.max(least, center - amount), center + amount] : amount;
  requireInterval(owner, name, range, least, most);
  const [low, high] = range as Interval;
  return low === center && high === center ? null : [low, high];
}

/** The changes that amounts ask for, checked. */
export function changesOf(owner: string, amounts: ColorJitterAmounts): Change[] {
  const adjust = {
    brightness: adjustBrightness,
    contrast: adjustContrast,
    saturation: adjustSaturation,
    hue: adjustHue,
  };
  return (Object.keys(adjust) as (keyof typeof adjust)[]).flatMap((name) => {
    const range = rangeOf(owner, name, amounts[name] ?? 0);
    return range ? [{ adjust: adjust[name], range }] : [];
  });
}

/** Asserts amounts by name. */
export function requireAmounts(owner: string, amounts: unknown): void {
  requireOptions(owner, amounts, AMOUNTS);
}

/** Makes the changes in a random order. */
export function jitter(
  image: RgbImage,
  changes: readonly Change[],
  random: SeededRandom,
): RgbImage {
  const drawn = changes.map(({ adjust, range }) => ({ adjust, factor: random.between(...range) }));
  return random.shuffle(drawn).reduce((now, { adjust, factor }) => adjust(now, factor), image);
}

/**
 * Changes brightness, contrast, saturation and hue of an image by random amounts in a random order:
 * torchvision's `ColorJitter` on Pillow's images, to the byte. timm's `color_jitter: 0.4` is
 * `{ brightness: 0.4, contrast: 0.4, saturation: 0.4 }`.
 *
 * @param image RGB or RGBA pixels, 8 bits; alpha is dropped
 * @returns RGB pixels of the same size
 * @throws {Error} when the image is malformed, or an option is unknown or out of range
 */
export function colorJitter(image: PixelImage, options: ColorJitterOptions = {}): RgbImage {
  requireOptions('colorJitter', options, OPTIONS);
  const changes = changesOf('colorJitter', options);
  const rgb = toRgb(image);
  const random = randomOf('colorJitter', options.seed);
  return ownPixels(jitter(rgb, changes, random), image);
}
