/** Random draws of one step, from the numbers that say which step it is. */
import { requireArgument, requireInteger } from '../common/arguments';
import { deriveSeed, withSeededRandom } from '../ops/engine/random';

/** A seed, the number of a step, and more where a step has several parts. */
export type StepSeed = readonly [seed: number, step: number, ...more: number[]];

/** Asserts a step's seed, where one is given. */
export function requireStepSeed(owner: string, seed: unknown): void {
  if (seed == null) return;
  const isStep = Array.isArray(seed) && seed.length >= 2;
  const expected = '[seed, step], integers from 0: with the step among them each step draws anew';
  requireArgument(owner, 'seed', seed, isStep, expected);
  (seed as unknown[]).forEach((n, i) => requireInteger(owner, `seed[${i}]`, n, 0));
}

/**
 * A function that draws what the seed says, whenever it is called; the function itself where there is none.
 *
 * @param part number of the part of the step
 */
export function seeded<T>(seed: StepSeed | undefined, fn: () => T, part?: number): () => T {
  if (seed == null) return fn;
  const place = part === undefined ? seed : [...seed, part];
  return () => withSeededRandom(seedOfStep(place), fn);
}

/** One seed of 32 bits from integers from 0, all of whose bits count. */
export function seedOfStep(numbers: readonly number[]): number {
  return deriveSeed(numbers.length, ...numbers.flatMap((n) => [n % 2 ** 32, n / 2 ** 32]));
}
