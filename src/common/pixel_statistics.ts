/** Means and deviations of pixels: what they can be, and by which `preprocess` has normalised images. */
import { shown } from './arguments';

/**
 * Asserts a mean or a deviation of pixels.
 *
 * @param isDeviation whether the values must be above 0
 * @param count how many there must be, in a list. Default: a number, or a list of any length from 1
 * @param such what they are one of, for the message
 * @throws {Error} when a value is not finite or a deviation not above 0, or they are of another number
 */
export function requireStatistic(
  owner: string,
  name: string,
  given: unknown,
  isDeviation: boolean,
  such: string,
  count?: number,
): void {
  const values: unknown[] = Array.isArray(given) ? given : [given];
  const least = isDeviation ? 0 : -Infinity;
  const fit = (v: unknown) => typeof v === 'number' && Number.isFinite(v) && v > least;
  const fits = count == null ? values.length > 0 : Array.isArray(given) && values.length === count;
  if (fits && values.every(fit)) return;
  const what = isDeviation ? 'numbers above 0' : 'finite numbers';
  throw new Error(`${owner}: ${name} is ${asText(given)}; expected ${what}, ${such}`);
}

/**
 * Asserts a mean of pixels in 0..1.
 *
 * @throws {Error} when it is that of others, such as pixels in 0..255
 */
export function requireMeanOfUnit(owner: string, mean: readonly number[]): void {
  if (mean.every((value) => Math.abs(value) <= 1)) return;
  throw new Error(
    `${owner}: mean is [${mean.join(', ')}]; expected that of pixels in 0..1. Divide mean and std of ` +
      'pixels in 0..255 by 255',
  );
}

/** What was given, also where JSON has no word for it. */
function asText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asText).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : shown(value);
}

/** Mean and deviation of each channel, of pixels in 0..1. */
interface Statistics {
  mean: readonly number[];
  std: readonly number[];
}

/** Few: one for each pair that a program uses. */
const used: Statistics[] = [];
const MOST = 16;

/** Notes by what images have been normalised. */
export function noteNormalized(mean: readonly number[], std: readonly number[]): void {
  // Pixels as they are, in 0..1 or 0..255.
  if (mean.every((value) => value === 0) && std.every((value) => value === std[0])) return;
  if (used.length === MOST || used.some((s) => equal(s.mean, mean) && equal(s.std, std))) return;
  used.push({ mean: [...mean], std: [...std] });
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/**
 * Whether values are bytes that have been normalised by what was noted: undone, all of them are whole
 * numbers of 255ths, which other values are not. A single value tells nothing.
 *
 * @param values channel after channel of each pixel
 */
export function areNormalized(values: readonly number[], channels: number): boolean {
  if (values.every((value) => value === values[0])) return false;
  return used.some(
    ({ mean, std }) =>
      mean.length === channels &&
      values.every((value, i) => {
        const byte = 255 * (value * (std[i % channels] as number) + (mean[i % channels] as number));
        return byte > -0.5 && byte < 255.5 && Math.abs(byte - Math.round(byte)) < 0.01;
      }),
  );
}
