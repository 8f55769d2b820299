/** How a quantity grows: fitted lines and powers. */
import { linearRegression, linearRegressionLine, rSquared } from 'simple-statistics';

/** A point: what was varied, and what was measured. */
export type Point = readonly [x: number, y: number];

/** A fitted line. */
export interface Line {
  slope: number;
  intercept: number;
  /** Share of the variance that the line explains; NaN where nothing varies. */
  rSquared: number;
}

/**
 * The line of least squares through some points.
 *
 * @throws {Error} when there are fewer than two
 */
export function fitLine(points: readonly Point[]): Line {
  if (points.length < 2) throw new Error(`a line takes two points, given ${points.length}`);
  const pairs = points.map(([x, y]) => [x, y]);
  const { m, b } = linearRegression(pairs);
  return { slope: m, intercept: b, rSquared: rSquared(pairs, linearRegressionLine({ m, b })) };
}

/** The exponent `p` of `y = c x^p`, by a line through the logarithms. */
export function fitPower(points: readonly Point[]): Line {
  const bad = points.find(([x, y]) => !(x > 0) || !(y > 0));
  if (bad) throw new Error(`a power takes positive points, given ${bad.join(', ')}`);
  return fitLine(points.map(([x, y]) => [Math.log(x), Math.log(y)]));
}
