/** Rectangles of noise in images of floats. */
import { requireArgument, requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { roundHalfToEven } from '../common/rounding';
import type { Region } from '../preprocessing/resize_bicubic';
import { type Interval, requireInterval, requireProbability } from './checks';
import type { SeededRandom } from './random';

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

/** Their names. */
export const ERASING: OptionNames<Erasing> = {
  probability: true,
  mode: true,
  count: true,
  scale: true,
  ratio: true,
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
