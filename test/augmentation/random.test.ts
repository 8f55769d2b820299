/** Seeded randomness: the published generator, its distributions, and that names alone decide. */
import { SeededRandom, seededRandom } from '../../src/augmentation/random';
import { extendKey, Xoshiro } from '../../src/common/xoshiro';
import { betaCdf, correlation, distance, mean, moment } from './distributions';

const COUNT = 10_000;

const draws = (draw: () => number, count = COUNT) => Array.from({ length: count }, draw);

test('the bits are those of the published xoshiro128**', () => {
  const generator = new Xoshiro([1, 2, 3, 4]);
  expect(draws(() => generator.next(), 10)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ]);
  const [one, many] = [new Xoshiro([1, 2, 3, 4]), new Xoshiro([1, 2, 3, 4])];
  const bits = new Uint32Array(7);
  for (let block = 0; block < 2; block++) {
    many.fill(bits);
    expect([...bits]).toEqual(draws(() => one.next(), bits.length));
  }
  expect(many.next()).toBe(one.next());
  // A state of zeros would stay there.
  const zeros = new Xoshiro([0, 0, 0, 0]);
  expect(new Set(draws(() => zeros.next(), 20)).size).toBeGreaterThan(10);
});

test('the numbers alone decide, and all of them', () => {
  const first = (random: SeededRandom) => draws(() => random.uniform(), 4).join();
  const names = [
    [0],
    [-1],
    [1],
    [2 ** 32],
    [2 ** 32 + 1],
    [-(2 ** 32)],
    [Number.MAX_SAFE_INTEGER],
    [0, 0],
    [0, 1],
    [1, 0],
    [0, 0, 0],
    [1, 2, 3],
    [3, 2, 1],
  ] as [number, ...number[]][];
  expect(new Set(names.map((name) => first(seededRandom(...name)))).size).toBe(names.length);
  for (const name of names) expect(first(seededRandom(...name))).toBe(first(seededRandom(...name)));
  expect(first(seededRandom(-0))).toBe(first(seededRandom(0)));
});

test('the draws stay what they are from release to release', () => {
  const random = seededRandom(42, 3, 1234);
  expect(draws(() => random.uniform(), 3)).toEqual([
    0.955971489573359, 0.23650486543044713, 0.9850537853938998,
  ]);
  expect(draws(() => random.integer(1000), 5)).toEqual([938, 298, 398, 96, 599]);
  expect(random.shuffle([0, 1, 2, 3, 4, 5, 6, 7])).toEqual([4, 1, 5, 7, 2, 6, 0, 3]);
  expect(random.normal()).toBeCloseTo(-0.5677269282581255, 12);
  expect(random.beta(0.8, 0.8)).toBeCloseTo(0.7308231315886146, 12);
});

test('split names a generator, whatever has been drawn', () => {
  const whole = seededRandom(5);
  draws(() => whole.normal(), 7);
  const [a, b] = [whole.split(1, 2), seededRandom(5, 1, 2)];
  expect(draws(() => a.uniform(), 5)).toEqual(draws(() => b.uniform(), 5));
  const [c, d] = [seededRandom(5), seededRandom(5)];
  c.split(9);
  expect(c.uniform()).toBe(d.uniform());
  expect(() => whole.split(0.5)).toThrow('split: number 1 is 0.5; expected an integer');
});

test.each([
  ['seeds', (i: number) => seededRandom(i)],
  ['last numbers', (i: number) => seededRandom(7, i)],
  ['first numbers', (i: number) => seededRandom(i, 7)],
  ['high halves', (i: number) => seededRandom(i * 2 ** 32)],
])('neighbouring %s give unrelated generators', (_, make) => {
  const made = Array.from({ length: COUNT }, (_, i) => make(i));
  const first = made.map((random) => random.uniform());
  const second = made.map((random) => random.uniform());
  for (const values of [first, second]) {
    expect(distance(values, (x) => x)).toBeLessThan(1.95);
    expect(Math.abs(correlation(values.slice(1), values.slice(0, -1)))).toBeLessThan(0.033);
  }
  expect(Math.abs(correlation(first, second))).toBeLessThan(0.033);
});

test('no two of many lists of numbers have the same key', () => {
  const keys = new Set<string>();
  for (let epoch = 0; epoch < 100; epoch++) {
    const key = extendKey([1, 2, 3, 4], epoch);
    for (let i = 0; i < 1000; i++) keys.add(extendKey(key, i).join());
  }
  expect(keys.size).toBe(100_000);
});

test('uniform numbers', () => {
  const random = seededRandom(1);
  const values = draws(() => random.uniform());
  expect(distance(values, (x) => x)).toBeLessThan(1.95);
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  // All 53 bits are used.
  expect(values.some((value) => (value * 2 ** 53) % 2 === 1)).toBe(true);
  const between = draws(() => random.between(-3, 5));
  expect(distance(between, (x) => (x + 3) / 8)).toBeLessThan(1.95);
});

test.each([1, 2, 3, 10, 100, 2 ** 32, 3 * 2 ** 30])('integers below %d', (n) => {
  const random = seededRandom(2, n);
  const values = draws(() => random.integer(n));
  expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < n)).toBe(true);
  const bins = Math.min(n, 16);
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) (counts[Math.floor((value / n) * bins)] as number)++;
  const sizes = counts.map((_, i) => Math.ceil(((i + 1) * n) / bins) - Math.ceil((i * n) / bins));
  const squares = counts.map((count, i) => {
    const expected = (COUNT * (sizes[i] as number)) / n;
    return (count - expected) ** 2 / expected;
  });
  // Chi squared of up to 15 degrees of freedom: above 37.7 one time in a thousand.
  expect(squares.reduce((a, b) => a + b, 0)).toBeLessThan(37.7);
});

test('normal numbers', () => {
  const random = seededRandom(3);
  const values = draws(() => random.normal(), 8 * COUNT);
  const spread = Math.sqrt(values.length);
  expect(Math.abs(mean(values))).toBeLessThan(3.3 / spread);
  expect(Math.abs(moment(values, 2, 0) - 1)).toBeLessThan((3.3 * Math.SQRT2) / spread);
  expect(Math.abs(moment(values, 3, 0))).toBeLessThan((3.3 * Math.sqrt(15)) / spread);
  expect(Math.abs(moment(values, 4, 0) - 3)).toBeLessThan((3.3 * Math.sqrt(96)) / spread);
  const pairs = [values.filter((_, i) => i % 2 === 0), values.filter((_, i) => i % 2 === 1)];
  expect(Math.abs(correlation(...(pairs as [number[], number[]])))).toBeLessThan(0.017);
});

test.each([
  [0.8, 0.8],
  [1, 1],
  [0.5, 0.5],
  [0.6, 1],
  [2, 3],
  [0.7, 3],
  [30, 4],
])('the beta distribution of (%d, %d)', (a, b) => {
  const random = seededRandom(4, 10 * a, 10 * b);
  const values = draws(() => random.beta(a, b));
  expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
  expect(distance(values, betaCdf(a, b))).toBeLessThan(1.95);
  const whole = a + b;
  const variance = (a * b) / (whole * whole * (whole + 1));
  expect(Math.abs(mean(values) - a / whole)).toBeLessThan(3.3 * Math.sqrt(variance / COUNT));
});

test('shares so small that their powers vanish', () => {
  const random = seededRandom(5);
  const values = draws(() => random.beta(1e-4, 1e-4), 500);
  // Nearly all of the distribution lies at its ends, half at each.
  expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
  expect(values.filter((value) => value > 0.01 && value < 0.99).length).toBeLessThan(10);
  expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.08);
});

test('shuffle gives every order equally often, and leaves the list as it is', () => {
  const random = seededRandom(6);
  const list = ['a', 'b', 'c', 'd'];
  const counts = new Map<string, number>();
  for (let i = 0; i < COUNT; i++) {
    const order = random.shuffle(list).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(list).toEqual(['a', 'b', 'c', 'd']);
  expect(counts.size).toBe(24);
  const expected = COUNT / 24;
  const squares = [...counts.values()].map((count) => (count - expected) ** 2 / expected);
  // 23 degrees of freedom: above 49.7 one time in a thousand.
  expect(squares.reduce((a, b) => a + b, 0)).toBeLessThan(49.7);
  expect(random.shuffle(Int32Array.of(1, 1))).toEqual([1, 1]);
  expect(random.shuffle([])).toEqual([]);
});

test('what cannot be is refused', () => {
  expect(() => seededRandom(1.5)).toThrow('seededRandom: seed is 1.5; expected an integer');
  expect(() => seededRandom(1, NaN)).toThrow('seededRandom: number 2 is NaN; expected an integer');
  const random = seededRandom(1);
  for (const n of [0, -1, 1.5, NaN, 2 ** 33]) {
    expect(() => random.integer(n)).toThrow(`integer: n is ${n}; expected an integer in 1..2^32`);
  }
  expect(() => random.beta(0, 1)).toThrow('beta: a is 0; expected a number above 0');
  expect(() => random.beta(1, NaN)).toThrow('beta: b is NaN; expected a number above 0');
  expect(() => random.shuffle('abc' as never)).toThrow('shuffle: list is "abc"; expected a list');
});
