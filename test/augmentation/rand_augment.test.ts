/** RandAugment: what timm's strings stand for, what is chosen how often, and at which magnitude. */
import { randAugment, type RandAugmentOptions, seededRandom } from 'tfjs-revcol';
import {
  type Augmentation,
  augmentationOf,
  drawOperations,
} from '../../src/augmentation/rand_augment';
import { parsePolicy } from '../../src/augmentation/rand_augment_policy';
import { syntheticImage } from '../support/synthetic_image';
import { distance, mean, moment } from './distributions';
import table from './pillow.json';

const IMAGE = syntheticImage(12, 10);

/** The operations that many images get. */
function applied(options: RandAugmentOptions, count: number) {
  const augmentation = augmentationOf('test', options);
  return Array.from({ length: count }, (_, i) => drawOperations(augmentation, seededRandom(9, i)));
}

test.each(table.policies)('what timm makes of $text', (row) => {
  const got: Augmentation = augmentationOf('test', { policy: row.text });
  const total = got.weights?.reduce((a, b) => a + b, 0) ?? 1;
  expect({
    numOps: got.numOps,
    magnitude: got.magnitude,
    probability: got.probability,
    magnitudeMax: got.magnitudeMax,
  }).toEqual({
    numOps: row.numOps,
    magnitude: row.magnitude,
    probability: row.probability,
    magnitudeMax: row.magnitudeMax ?? 10,
  });
  const isUniform = row.magnitudeStd === 'inf';
  if (isUniform) expect(got.magnitudeStd).toBeGreaterThan(100);
  else expect(got.magnitudeStd).toBe(Number(row.magnitudeStd));
  // In any order: each is as probable as in timm.
  const chances = (names: readonly string[], weights: readonly number[] | null, sum: number) =>
    Object.fromEntries(names.map((name, i) => [name, (weights?.[i] ?? 1) / sum]));
  const [ours, theirs] = [
    chances(got.names, got.weights, total),
    chances(row.names, row.weights, 1),
  ];
  expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
  for (const name of Object.keys(ours)) expect(ours[name]).toBeCloseTo(theirs[name] as number, 12);
});

test("timm's former w0: by place, whether increasing or not", () => {
  const plain = augmentationOf('test', { policy: 'rand-n1-w0' });
  const increasing = augmentationOf('test', { policy: 'rand-n1-w0-inc1' });
  const weights = ({ names, weights: w }: Augmentation) =>
    Object.fromEntries(names.map((name, i) => [name, w?.[i]]));
  expect(weights(plain)).toEqual({
    Rotate: 3,
    ShearX: 2,
    ShearY: 2,
    TranslateXRel: 1,
    TranslateYRel: 1,
    Color: 0.25,
    Sharpness: 0.25,
    AutoContrast: 0.25,
    Solarize: 0.05,
    SolarizeAdd: 0.05,
    Contrast: 0.05,
    Brightness: 0.05,
    Equalize: 0.05,
  });
  expect(weights(increasing)).toMatchObject({ ColorIncreasing: 0.25, SolarizeIncreasing: 0.05 });
});

test('options go before the string; without either, the published recipe', () => {
  const published = augmentationOf('test', {});
  expect(published).toMatchObject({ numOps: 2, magnitude: 9, magnitudeStd: 0.5, probability: 0.5 });
  expect(published.names).toContain('PosterizeIncreasing');
  expect(published.names).not.toContain('Posterize');
  const mixed = augmentationOf('test', { policy: 'rand-m9-mstd0.5-inc1', magnitude: 4, numOps: 3 });
  expect(mixed).toMatchObject({ numOps: 3, magnitude: 4, magnitudeStd: 0.5 });
  expect(augmentationOf('test', { increasing: true, magnitude: 7 }).names).toEqual(published.names);
  expect(parsePolicy('test', 'rand-mstd.5-minf')).toEqual({
    magnitudeStd: 0.5,
    magnitude: Infinity,
  });
});

test('all are chosen equally often, each carried out half of the time', () => {
  const calls = applied({ policy: 'rand-m9-mstd0.5-inc1' }, 6000);
  const counts = new Map<string, number>();
  for (const { name } of calls.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  expect(counts.size).toBe(15);
  const plus = calls.flat().filter(({ sign }) => sign === 1).length;
  expect(Math.abs(plus - 3000)).toBeLessThan(130);
  // 6000 images, 2 operations, half of them, of 15.
  const squares = [...counts.values()].map((count) => (count - 400) ** 2 / 400);
  // 15 degrees of freedom: above 37.7 one time in a thousand.
  expect(squares.reduce((a, b) => a + b, 0)).toBeLessThan(37.7);
  const byNumber = [0, 1, 2].map((n) => calls.filter((list) => list.length === n).length);
  [1500, 3000, 1500].forEach((expected, n) => {
    expect(Math.abs((byNumber[n] as number) - expected)).toBeLessThan(130);
  });
});

test('weighted choices are without repetition', () => {
  const operations = { Rotate: 3, Invert: 1, Equalize: 0 };
  const both = applied({ operations, numOps: 2, probability: 1 }, 50);
  for (const list of both) {
    expect(list.map(({ name }) => name).sort()).toEqual(['Invert', 'Rotate']);
  }
  const one = applied({ operations, numOps: 1, probability: 1 }, 2000).flat();
  const share = one.filter(({ name }) => name === 'Rotate').length / 2000;
  expect(Math.abs(share - 0.75)).toBeLessThan(0.033);
});

test('magnitudes: fixed, normal and clipped, uniform', () => {
  const of = (options: RandAugmentOptions) =>
    applied({ probability: 1, ...options }, 2000)
      .flat()
      .map(({ magnitude }) => magnitude);
  expect(new Set(of({ magnitude: 9 }))).toEqual(new Set([9]));
  expect(new Set(of({ magnitude: 14 }))).toEqual(new Set([10]));
  expect(new Set(of({ magnitude: 14, magnitudeMax: 12 }))).toEqual(new Set([12]));
  const normal = of({ magnitude: 5, magnitudeStd: 0.5 });
  expect(Math.abs(mean(normal) - 5)).toBeLessThan(0.03);
  expect(Math.abs(moment(normal, 2, 5) - 0.25)).toBeLessThan(0.02);
  const published = of({ magnitude: 9, magnitudeStd: 0.5 });
  expect(Math.max(...published)).toBe(10);
  // Two deviations and more above the mean: 2.3 %.
  const clipped = published.filter((magnitude) => magnitude === 10).length / published.length;
  expect(Math.abs(clipped - 0.0228)).toBeLessThan(0.008);
  expect(distance(of({ magnitude: 8, magnitudeStd: 101 }), (x) => x / 8)).toBeLessThan(1.95);
});

test('the same seed gives the same image, another one another', () => {
  const make = (seed: number) => randAugment(IMAGE, { seed, numOps: 3, probability: 1 });
  expect(make(1)).toEqual(make(1));
  const all = Array.from({ length: 20 }, (_, seed) => make(seed).data.join());
  expect(new Set(all).size).toBeGreaterThan(17);
  const none = randAugment(IMAGE, { numOps: 0 });
  expect(none).toEqual(IMAGE);
  expect(none.data.buffer).not.toBe(IMAGE.data.buffer);
});

test('interpolation and fill are what is asked for', () => {
  const options = {
    operations: ['Rotate'],
    numOps: 1,
    probability: 1,
    magnitude: 9,
    seed: 2,
  } as const;
  const fill = [1, 2, 3] as const;
  const bicubic = randAugment(IMAGE, { ...options, fill });
  expect([...bicubic.data.subarray(0, 3)]).toEqual([...fill]);
  const bilinear = randAugment(IMAGE, { ...options, fill, interpolation: 'bilinear' });
  expect(bilinear).not.toEqual(bicubic);
  const random = Array.from({ length: 12 }, (_, seed) => {
    const either = { ...options, fill, seed };
    const got = randAugment(IMAGE, { ...either, interpolation: 'random' }).data.join();
    return got === randAugment(IMAGE, { ...either, interpolation: 'bicubic' }).data.join();
  });
  expect(new Set(random).size).toBe(2);
});

test.each([
  ['auto-m9', 'policy is "auto-m9"; expected \'rand\' with n, m, mstd, mmax, inc, p'],
  ['', 'policy is ""'],
  ['rand-x3', "where nothing is called 'x3'"],
  ['rand-m', "where 'm' has no such number"],
  ['rand-m9-m8', "which has 'm' twice"],
  ['rand-inc2', "where 'inc2' has no such number"],
  ['rand-w1', "where nothing is called 'w1'"],
  ['rand-t3a', "where nothing is called 't3a'"],
  ['rand-m9-', "where nothing is called ''"],
  ['rand-m-9', "where 'm' has no such number"],
  ['rand-constructor1', "where nothing is called 'constructor1'"],
])('the string %j is refused', (policy, message) => {
  expect(() => randAugment(IMAGE, { policy })).toThrow(message);
});

test.each([
  [{ numOps: 1.5 }, 'numOps is 1.5; expected an integer of at least 0'],
  [{ magnitude: -1 }, 'magnitude is -1; expected a number from 0'],
  [{ magnitudeStd: NaN }, 'magnitudeStd is NaN; expected a number from 0'],
  [{ magnitudeMax: 0 }, 'magnitudeMax is 0; expected a number above 0'],
  [{ probability: 2 }, 'probability is 2; expected a probability'],
  [{ operations: ['Rotat'] }, 'operations has "Rotat"; expected names such as Rotate'],
  [{ operations: { Rotate: -1 } }, 'operations.Rotate is -1; expected a number from 0'],
  [{ operations: [] }, 'operations is empty; name at least one'],
  [{ operations: 5 }, 'operations has 5; expected names'],
  [{ operations: { Rotate: 1 }, numOps: 2 }, 'numOps is 2, of 1 weighted operations'],
  [{ fill: [0, 0] }, 'fill is [0, 0]; expected [R, G, B], integers in 0..255'],
  [{ interpolation: 'nearest' }, 'interpolation is "nearest"; expected one of \'bilinear\''],
  [{ num_layers: 2 }, "randAugment: there is no option 'num_layers'"],
])('options %j are refused', (options, message) => {
  expect(() => randAugment(IMAGE, options as never)).toThrow(message);
});
