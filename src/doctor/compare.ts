/** Compares what a backend computed with what must come out, and puts it into words. */
import type { DoctorCheck } from './report';

/** Values with a name, and what they must be. */
export interface Pair {
  name: string;
  got: ArrayLike<number>;
  expected: ArrayLike<number>;
}

/** What is said of a tensor that came out as zeros. */
export const ALL_ZERO = 'all values are 0';

/** Errors up to this are digits that are missing; beyond, the numbers are others. */
const IMPRECISE = 1e-2;

/** Share of the norm of all tensors that counts as the least norm of one, where some are 0 by themselves. */
const LEAST_SHARE = 1e-3;

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}

/** The norm of the difference. NaN where a value is not finite, so that no comparison passes. */
function distance(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < expected.length; i++) {
    const value = got[i] as number;
    if (!Number.isFinite(value)) return NaN;
    sum += (value - (expected[i] as number)) ** 2;
  }
  return Math.sqrt(sum);
}

const isZero = (values: ArrayLike<number>) => Array.prototype.every.call(values, (v) => v === 0);

/**
 * Judges values by the tensor that is furthest off, relative to its norm.
 *
 * @param name of the check
 * @param limit the largest relative error that passes
 */
export function judge(name: string, pairs: readonly Pair[], limit: number): DoctorCheck {
  const wrongSize = pairs.find(({ got, expected }) => got.length !== expected.length);
  if (wrongSize || pairs.length === 0) {
    const { name: tensor = 'nothing', got = [], expected = [] } = wrongSize ?? {};
    const text = `${tensor} has ${got.length} values, ${expected.length} were expected`;
    return { name, state: 'failed', limit, text };
  }
  const norms = pairs.map(({ expected }) => norm(expected));
  const least = LEAST_SHARE * Math.hypot(...norms) || 1;
  const errors = pairs.map(
    ({ got, expected }, i) => distance(got, expected) / Math.max(norms[i] as number, least),
  );
  // A NaN counts as the worst of all.
  const worst = errors.reduce((a, error, i) => {
    const most = errors[a] as number;
    return Number.isNaN(most) || error <= most ? a : i;
  }, 0);
  const error = errors[worst] as number;
  const where = pairs.length > 1 ? ` (worst: ${(pairs[worst] as Pair).name})` : '';
  if (!Number.isFinite(error)) {
    return { name, state: 'failed', limit, text: `some values are NaN or infinite${where}` };
  }
  if (error <= limit)
    return { name, state: 'passed', error, limit, text: `off by ${digits(error)}` };
  if (pairs.every(({ got }) => isZero(got))) {
    return { name, state: 'failed', error, limit, text: ALL_ZERO };
  }
  const state = error <= IMPRECISE ? 'imprecise' : 'failed';
  const text = `off by ${digits(error)}, at most ${digits(limit)} was expected${where}`;
  return { name, state, error, limit, text };
}

const digits = (error: number) => (error === 0 ? 'nothing' : error.toExponential(0));
