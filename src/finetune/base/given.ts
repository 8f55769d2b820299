/** What may be given to every kind of fine-tuning: a model by its name, statistics of pixels. */
import { requireArgument, requireList } from '../../common/arguments';
import { requireOptions } from '../../common/options';
import { requireMeanOfUnit, requireStatistic } from '../../common/pixel_statistics';

/** Asserts a name, or a name and options; `example` is one, for the message. */
export function namedModel<Named extends { name: string }>(
  owner: string,
  given: Named | Named['name'],
  example: string,
): Named {
  const named = (typeof given === 'string' ? { name: given } : given) as Named;
  const fits = typeof (named as Named | null)?.name === 'string';
  const expected = `a tf.LayersModel, a name such as '${example}', or { name, ...options of createModel }`;
  requireArgument(owner, 'model', given, fits, expected);
  return named;
}

/**
 * Asserts statistics of pixels, where they are given: with no other options beside them.
 *
 * @throws {Error} when one is not that of three channels, or not finite, or a deviation is not above 0
 */
export function requireStatisticsOptions(owner: string, given: unknown): void {
  if (given === undefined) return;
  requireOptions(`${owner}: preprocessing`, given, { mean: true, std: true });
  requireGivenStatistics(owner, given as object);
}

/** The same of options that are more than those. */
export function requireGivenStatistics(owner: string, given: { mean?: unknown; std?: unknown }) {
  for (const name of ['mean', 'std'] as const) {
    const value = given[name];
    if (value === undefined) continue;
    requireList(owner, name, value, 'three numbers');
    requireStatistic(owner, name, value, name === 'std', '[R, G, B], of pixels in 0..1', 3);
    if (name === 'mean') requireMeanOfUnit(owner, value as number[]);
  }
}
