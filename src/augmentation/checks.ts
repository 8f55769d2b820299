/** Checks of arguments that augmentations share. */
import { requireArgument, shown } from '../common/arguments';

/** A range of numbers, the lower end first. */
export type Interval = readonly [low: number, high: number];

/**
 * Asserts a range of numbers.
 *
 * @param least the lowest number that there may be
 * @param most the highest
 */
export function requireInterval(
  owner: string,
  name: string,
  value: unknown,
  least: number,
  most = Infinity,
): void {
  const ends: unknown[] = Array.isArray(value) ? value : [];
  const [low, high] = ends as [number, number];
  const fits = ends.length === 2 && ends.every(Number.isFinite) && low <= high;
  const range = most === Infinity ? `from ${least}` : `in ${least}..${most}`;
  if (fits && low >= least && high <= most) return;
  throw new Error(
    `${owner}: ${name} is ${shown(value)}; expected [lowest, highest], two numbers ${range}`,
  );
}

/** Asserts a probability. */
export function requireProbability(owner: string, name: string, value: unknown): void {
  const fits = typeof value === 'number' && value >= 0 && value <= 1;
  requireArgument(owner, name, value, fits, 'a probability in [0, 1]');
}

/** Asserts a colour of bytes, RGB. */
export function requireColour(owner: string, name: string, value: unknown): void {
  const fits =
    Array.isArray(value) &&
    value.length === 3 &&
    value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
  requireArgument(owner, name, value, fits, '[R, G, B], integers in 0..255');
}
