/** What tables of benchmarks say of samples, and the fits of growth. */
import { fitLine, fitPower } from '../../bench/document/fit';
import { othersShare, ratioByRound, type Sample, summarize } from '../../bench/suite/statistics';

const sample = (round: number, ms: number, others: number | null = 0): Sample => ({
  round,
  ms,
  cpuMs: ms,
  others,
});

describe('summarize', () => {
  test('gives median, least and quartiles, in whatever order the samples come', () => {
    expect(summarize([5, 1, 4, 2, 3])).toEqual({ count: 5, median: 3, min: 1, quartiles: [2, 4] });
    expect(summarize([4, 1, 3, 2]).median).toBe(2.5);
    expect(summarize([7])).toEqual({ count: 1, median: 7, min: 7, quartiles: [7, 7] });
  });

  test('does not change what it is given', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });

  test('refuses nothing at all', () => {
    expect(() => summarize([])).toThrow('no sample');
  });
});

describe('ratioByRound', () => {
  test('compares samples of the same round, so that a slow round does not count', () => {
    const reference = [sample(0, 10), sample(1, 100), sample(2, 10)];
    const samples = [sample(2, 20), sample(0, 20), sample(1, 200)];
    expect(ratioByRound(samples, reference)).toMatchObject({ count: 3, median: 2, min: 2 });
  });

  test('leaves out rounds that one of both lacks', () => {
    expect(ratioByRound([sample(0, 6), sample(3, 90)], [sample(0, 3), sample(1, 1)])).toMatchObject(
      { count: 1, median: 2 },
    );
    expect(ratioByRound([sample(0, 6)], [sample(1, 3)])).toBeNull();
  });
});

test('othersShare is the median of what is known', () => {
  expect(othersShare([sample(0, 1, 0.5), sample(1, 1, null), sample(2, 1, 0.1)])).toBeCloseTo(0.3);
  expect(othersShare([sample(0, 1, null)])).toBeNull();
});

describe('fits', () => {
  test('a line is found again, with how well it fits', () => {
    const line = fitLine([
      [1, 5],
      [2, 7],
      [4, 11],
    ]);
    expect(line.slope).toBeCloseTo(2, 12);
    expect(line.intercept).toBeCloseTo(3, 12);
    expect(line.rSquared).toBeCloseTo(1, 12);
    const none = [
      [0, 0],
      [1, 1],
      [2, 0],
    ] as const;
    expect(fitLine(none).rSquared).toBeCloseTo(0, 12);
  });

  test('a power is found again by its exponent', () => {
    const points = [2, 4, 8, 16].map((x) => [x, 3 * x ** 1.5] as const);
    expect(fitPower(points).slope).toBeCloseTo(1.5, 12);
  });

  test('say what they cannot fit', () => {
    expect(() => fitLine([[1, 1]])).toThrow('two points');
    const negative = [
      [1, 1],
      [2, -3],
    ] as const;
    expect(() => fitPower(negative)).toThrow('positive points, given 2, -3');
  });
});
