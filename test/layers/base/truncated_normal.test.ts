/** Initial values of kernels: their distribution, and what they repeat by. */
import { truncatedNormalValues } from '../../../src/layers/base/truncated_normal';
import { withSeededRandom } from '../../../src/ops/engine/random';

/** The error function by its series, exact to double precision where it is needed. */
function erf(x: number): number {
  let [sum, term] = [0, x];
  for (let n = 0; n < 60; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const COUNT = 200_000;

test('values are distributed as a normal distribution within two deviations', () => {
  const values = withSeededRandom(1, () => truncatedNormalValues(COUNT, 0.02)).sort();
  expect(values[0]).toBeGreaterThanOrEqual(-0.04);
  expect(values.at(-1)).toBeLessThanOrEqual(Math.fround(0.04));
  // Kolmogorov and Smirnov's distance; one in a thousand samples is farther off.
  const distance = values.reduce((most, value, i) => {
    const expected = 0.5 + erf(value / 0.02 / Math.SQRT2) / 2 / erf(Math.SQRT2);
    return Math.max(most, Math.abs(expected - (i + 0.5) / COUNT));
  }, 0);
  expect(distance).toBeLessThan(1.95 / Math.sqrt(COUNT));
});

test('neighbours are independent of one another, within a tensor and across tensors', () => {
  const [first, second] = withSeededRandom(2, () => [
    truncatedNormalValues(COUNT, 1),
    truncatedNormalValues(COUNT, 1),
  ]) as [Float32Array, Float32Array];
  const correlation = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + value * (b[i] as number), 0) / (0.774 * a.length);
  const bound = 4 / Math.sqrt(COUNT);
  for (const lag of [1, 2, 1024]) {
    expect(Math.abs(correlation(first.subarray(0, -lag), first.subarray(lag)))).toBeLessThan(bound);
  }
  expect(Math.abs(correlation(first, second))).toBeLessThan(bound);
});

test('Math.random seeds them, and sizes around a block come out whole', () => {
  const draw = (size: number) => withSeededRandom(3, () => truncatedNormalValues(size, 1));
  const long = draw(2049);
  for (const size of [0, 1, 1023, 1024, 1025, 2048]) {
    expect(draw(size)).toEqual(long.subarray(0, size));
  }
  expect(withSeededRandom(4, () => truncatedNormalValues(4, 1))).not.toEqual(draw(4));
});
