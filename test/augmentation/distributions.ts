/** How far drawn numbers are from a distribution. */

/** The mean. */
export const mean = (values: readonly number[]) =>
  values.reduce((a, b) => a + b, 0) / values.length;

/** Mean of the k-th power of the distance from a centre. */
export const moment = (values: readonly number[], k: number, center: number) =>
  mean(values.map((value) => (value - center) ** k));

/** Pearson's correlation. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [p, q] = [mean(a), mean(b)];
  const both = mean(a.map((value, i) => (value - p) * ((b[i] as number) - q)));
  return both / Math.sqrt(moment(a, 2, p) * moment(b, 2, q));
}

/** Kolmogorov and Smirnov's statistic; above 1.95 one time in a thousand. */
export function distance(values: readonly number[], cdf: (x: number) => number): number {
  const n = values.length;
  const gaps = [...values]
    .sort((a, b) => a - b)
    .map((x, i) => Math.max(cdf(x) - i / n, (i + 1) / n - cdf(x)));
  return Math.max(...gaps) * Math.sqrt(n);
}

/** The share of the beta distribution below x, by Simpson's rule over the angle whose squared sine is x. */
export function betaCdf(a: number, b: number): (x: number) => number {
  const steps = 2000;
  const density = (angle: number) =>
    Math.sin(angle) ** (2 * a - 1) * Math.cos(angle) ** (2 * b - 1);
  const width = Math.PI / 2 / steps;
  const sums = [0];
  for (let i = 0; i < steps; i++) {
    const [from, to] = [i * width, (i + 1) * width];
    // At the very ends the density may be infinite; the middle will do.
    const middle = density((from + to) / 2);
    const end = (angle: number) => (Number.isFinite(density(angle)) ? density(angle) : middle);
    sums.push((sums[i] as number) + (width * (end(from) + 4 * middle + end(to))) / 6);
  }
  const whole = sums[steps] as number;
  return (x) => {
    const at = Math.asin(Math.sqrt(x)) / width;
    const i = Math.min(steps - 1, Math.floor(at));
    const [low, high] = [sums[i] as number, sums[i + 1] as number];
    return (low + (at - i) * (high - low)) / whole;
  };
}
