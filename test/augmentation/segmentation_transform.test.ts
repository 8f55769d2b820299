/** Augmentation of pictures with label maps, against OpenCV and the definitions of mmsegmentation. */
import {
  type LabelMap,
  photometricDistortion,
  type PixelImage,
  seededRandom,
  segmentationTransform,
} from 'tfjs-revcol';
import { hsvToRgb, rgbToHsv } from '../../src/augmentation/opencv_hsv';
import { distort, photometricAmounts } from '../../src/augmentation/photometric_distortion';
import type { SeededRandom } from '../../src/augmentation/random';
import { nearestPixels, resizeLinear } from '../../src/preprocessing/resize_linear';
import fixture from './opencv_colours.json';

const bytes = (values: readonly number[]) => Uint8Array.from(values);

/** Largest difference of two lists. */
function apart(got: Uint8Array, expected: readonly number[]): number {
  expect(got).toHaveLength(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - (got[i] as number))));
}

test("hue, saturation and value are OpenCV's, there and back", () => {
  expect(rgbToHsv(bytes(fixture.colours.rgb))).toEqual(bytes(fixture.colours.hsv));
  expect(apart(hsvToRgb(bytes(fixture.back.hsv)), fixture.back.rgb)).toBeLessThanOrEqual(1);
  const wrong = hsvToRgb(bytes(fixture.back.hsv)).filter((v, i) => v !== fixture.back.rgb[i]);
  expect(wrong.length).toBeLessThan(0.002 * fixture.back.rgb.length);
});

test("resizing is OpenCV's, a part of it too", () => {
  const picture = { width: 5, height: 7, data: bytes(fixture.resized.picture) };
  for (const { size, bilinear, nearest } of fixture.resized.sizes) {
    const [height, width] = size as [number, number];
    const resized = resizeLinear(picture, width, height);
    expect([...resized.data]).toEqual(bilinear);
    const rows = nearestPixels(7, height);
    const columns = nearestPixels(5, width);
    const found = [...rows].flatMap((row) =>
      [...columns].map((column) => fixture.resized.labels[5 * row + column]),
    );
    expect(found).toEqual(nearest);
    // A part is what the whole has there.
    const region = {
      left: Math.floor(width / 2),
      top: Math.floor(height / 3),
      width: 1,
      height: 1,
    };
    const at = 3 * (region.top * width + region.left);
    expect(resizeLinear(picture, width, height, region).data).toEqual(
      resized.data.slice(at, at + 3),
    );
  }
});

/** A generator that gives what was written down. */
function scripted(integers: number[], numbers: number[]): SeededRandom {
  return {
    integer: () => integers.shift(),
    between: () => numbers.shift(),
  } as unknown as SeededRandom;
}

test("the photometric distortion is mmsegmentation's, step by step", () => {
  const image = { width: 25, height: 8, data: bytes(fixture.colours.rgb.slice(0, 600)) };
  for (const { drawn, rgb } of fixture.distorted) {
    const [light, isFirst, contrast, saturation, turn] = drawn as [
      number | null,
      boolean,
      number | null,
      number | null,
      number | null,
    ];
    const is = (value: unknown) => (value === null ? 0 : 1);
    const integers = [is(light), isFirst ? 1 : 0, is(contrast), is(saturation), is(turn)];
    if (turn !== null) integers.push(turn + 18);
    const numbers = [light, contrast, saturation].filter((value) => value !== null);
    const got = distort(image, photometricAmounts('test', {}), scripted(integers, numbers));
    expect(integers).toEqual([]);
    // Where OpenCV's vector code rounds a half of the way back otherwise, two more changes follow.
    expect(apart(got.data, rgb)).toBeLessThanOrEqual(2);
    expect(got.data.filter((value, i) => value !== rgb[i]).length).toBeLessThan(0.005 * rgb.length);
  }
});

test('photometricDistortion is a function of its seed', () => {
  const image = { width: 25, height: 8, data: bytes(fixture.colours.rgb.slice(0, 600)) };
  const results = [1, 2, 3, 4].map((seed) => photometricDistortion(image, { seed }));
  expect(photometricDistortion(image, { seed: 2 })).toEqual(results[1]);
  expect(new Set(results.map(({ data }) => data.join())).size).toBeGreaterThan(2);
  expect(() => photometricDistortion(image, { hue: 0.5 })).toThrow(/hue is 0\.5; expected a whole/);
  const none = { brightness: 0, hue: 0, contrast: [1, 1], saturation: [1, 1] } as const;
  expect(
    apart(photometricDistortion(image, { ...none, seed: 5 }).data, [...image.data]),
  ).toBeLessThan(8);
});

/** A picture whose pixels say where they are, and labels that the pixels tell. */
function marked(width: number, height: number): { image: PixelImage; labels: LabelMap } {
  const pixels = Array.from({ length: width * height }, (_, i) => [
    i % width,
    Math.floor(i / width),
    ((i % width) * 7 + Math.floor(i / width) * 3) % 5,
  ]);
  return {
    image: { width, height, data: Uint8Array.from(pixels.flat()) },
    labels: { width, height, data: Uint8Array.from(pixels, ([, , label]) => label as number) },
  };
}

const PLAIN = { scale: [1, 1], classShare: 1, flip: 0, photometric: null } as const;

test('picture and labels are cropped, mirrored and scaled together', () => {
  const { image, labels } = marked(40, 30);
  for (const flip of [0, 1]) {
    const transform = segmentationTransform({ ...PLAIN, flip, cropSize: [12, 50] });
    for (const seed of [1, 2, 3]) {
      const made = transform(image, labels, seed);
      expect([made.image.height, made.image.width]).toEqual([12, 40]);
      const third = made.image.data.filter((_, i) => i % 3 === 2);
      expect(third).toEqual(made.labels.data);
      const first = made.image.data[0];
      expect(first).toBe(flip === 1 ? 39 : 0);
    }
  }
  const doubled = segmentationTransform({ ...PLAIN, scale: [2, 2], cropSize: [200, 200] });
  const twice = doubled(image, labels, 1);
  expect([twice.labels.height, twice.labels.width]).toEqual([60, 80]);
  expect(twice.labels.data[0]).toBe(labels.data[0]);
  expect(twice.labels.data[81]).toBe(labels.data[0]);
  expect(twice.labels.data[162]).toBe(labels.data[41]);
  const short = segmentationTransform({ ...PLAIN, shortSide: 15, cropSize: [200, 200] });
  expect(short(image, labels, 1).image.width).toBe(20);
});

test('crops have no class with too large a share, where ten draws find one', () => {
  // The left nine tenths are of class 0; what counts at the right end is of class 1, some of it ignored.
  const [width, height] = [100, 20];
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width;
    return x < 90 ? 0 : x % 2 === 0 ? 1 : 255;
  });
  const labels = { width, height, data };
  const image = { width, height, data: new Uint8Array(3 * width * height) };
  const shareOf = (classShare: number, seed: number) => {
    const transform = segmentationTransform({ ...PLAIN, classShare, cropSize: [20, 30] });
    const made = transform(image, labels, seed).labels.data;
    const counts = [0, 1].map((label) => made.filter((one) => one === label).length) as [
      number,
      number,
    ];
    return counts[0] / (counts[0] + counts[1]);
  };
  const seeds = Array.from({ length: 40 }, (_, i) => i);
  const bounded = seeds.filter((seed) => shareOf(0.95, seed) < 0.95).length;
  const free = seeds.filter((seed) => shareOf(1, seed) < 0.95).length;
  expect(free).toBeLessThan(15);
  expect(bounded).toBeGreaterThan(25);
});

test('a picture of one pixel and one all ignored have a result', () => {
  const transform = segmentationTransform({ cropSize: [4, 4] });
  const one = { width: 1, height: 1 };
  const made = transform(
    { ...one, data: bytes([9, 9, 9]) },
    { ...one, data: bytes([255]) },
    seededRandom(1),
  );
  expect(made.labels.data.every((label) => label === 255)).toBe(true);
  expect(made.image.width).toBe(made.labels.width);
  // Of the largest pictures no more than the crop is made.
  const wide = { width: 30_000, height: 2 };
  const huge = segmentationTransform({ scale: [200, 200], cropSize: [8, 8] });
  const part = huge(
    { ...wide, data: new Uint8Array(3 * 60_000) },
    { ...wide, data: new Uint16Array(60_000) },
    1,
  );
  expect([part.image.width, part.labels.height]).toEqual([8, 8]);
});

test('wrong options and maps are told', () => {
  const { image, labels } = marked(6, 5);
  expect(() => segmentationTransform({ classShare: 0 })).toThrow(
    /classShare is 0; expected a share/,
  );
  expect(() => segmentationTransform({ scale: [0, 1] })).toThrow(/scale is \[0, 1\]/);
  expect(() => segmentationTransform({ photometric: { hue: 91 } })).toThrow(
    /photometric: hue is 91/,
  );
  const transform = segmentationTransform(PLAIN);
  expect(() => transform(image, { ...labels, width: 5, height: 6 }, 1)).toThrow(
    /a picture of 6 x 5 pixels has labels of 5 x 6/,
  );
  expect(() => transform(image, { ...labels, data: bytes([1]) }, 1)).toThrow(
    /labels of 6 x 5 pixels have 1 numbers; expected one for each, 30/,
  );
});
