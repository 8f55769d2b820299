/** Crops, flips, colours and erasing of single images, by their definitions. */
import {
  colorJitter,
  type PixelImage,
  randomErasing,
  randomFlip,
  randomResizedCrop,
  type RgbImage,
  seededRandom,
} from 'tfjs-revcol';
import { adjustBrightness, adjustContrast, adjustSaturation } from '../../src/augmentation/enhance';
import {
  checkErasing,
  eraseValues,
  type Erasing,
  isErased,
} from '../../src/augmentation/erase_values';
import { adjustHue } from '../../src/augmentation/hue';
import { CROP_RATIO, CROP_SCALE, drawCrop } from '../../src/augmentation/random_resized_crop';
import { resizeBicubic } from '../../src/preprocessing/resize_bicubic';
import { syntheticImage } from '../support/synthetic_image';
import { distance } from './distributions';

const IMAGE = syntheticImage(40, 30);

const pixel = ({ width, data }: RgbImage, x: number, y: number) => [
  ...data.subarray(3 * (width * y + x), 3 * (width * y + x) + 3),
];

function withAlpha({ width, height, data }: RgbImage): PixelImage {
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    rgba.set([...data.subarray(3 * i, 3 * i + 3), i & 255], 4 * i);
  }
  return { width, height, data: rgba };
}

/** Pixels that differ, as row and column. */
function changed(a: RgbImage, b: RgbImage): [number, number][] {
  return Array.from({ length: a.width * a.height }, (_, i): [number, number] => [
    Math.floor(i / a.width),
    i % a.width,
  ]).filter(([y, x]) => pixel(a, x, y).join() !== pixel(b, x, y).join());
}

describe('crops', () => {
  const draw = (width: number, height: number, count: number) => {
    const image: RgbImage = { width, height, data: new Uint8Array(0) };
    return Array.from({ length: count }, (_, i) =>
      drawCrop(image, CROP_SCALE, CROP_RATIO, seededRandom(1, i)),
    );
  };

  test('area and ratio are of their ranges, places of all the room there is', () => {
    const crops = draw(1000, 1000, 2000);
    const fits = crops.filter(
      ({ left, top, width, height }) =>
        Math.min(left, top, 1000 - left - width, 1000 - top - height) >= 0 &&
        Math.abs(Math.log(width / height)) < Math.log(4 / 3) + 0.01 &&
        width * height > 79_500,
    );
    expect(fits).toHaveLength(crops.length);
    // Those that never have to be drawn again: up to 3/4 any ratio fits.
    const small = crops.filter(({ width, height }) => width * height < 0.7e6);
    const areas = small.map(({ width, height }) => (width * height) / 1e6);
    expect(distance(areas, (x) => (x - 0.08) / 0.62)).toBeLessThan(1.95);
    const ratios = small.map(({ width, height }) => Math.log(width / height) / Math.log(4 / 3));
    expect(distance(ratios, (x) => (x + 1) / 2)).toBeLessThan(1.95);
    const places = small.map(({ left, width }) => (left + 0.5) / (1001 - width));
    expect(distance(places, (x) => x)).toBeLessThan(1.95);
  });

  test.each([
    // Where nothing fits: the largest in the middle of a permitted ratio.
    { of: [1000, 10], crop: { left: 493, top: 0, width: 13, height: 10 } },
    { of: [10, 1000], crop: { left: 0, top: 493, width: 10, height: 13 } },
    { of: [7, 1], crop: { left: 3, top: 0, width: 1, height: 1 } },
  ])('of $of, which is a strip', ({ of, crop }) => {
    const [width, height] = of as [number, number];
    const image: RgbImage = { width, height, data: new Uint8Array(0) };
    // Nearly all of the image, at ratios that it does not have.
    const drawn = drawCrop(image, [0.999, 1], CROP_RATIO, seededRandom(1));
    expect(drawn).toEqual(crop);
  });

  test('an image of a permitted ratio that is to be cut out whole', () => {
    const image: RgbImage = { width: 50, height: 40, data: new Uint8Array(0) };
    const drawn = drawCrop(image, [1, 1], CROP_RATIO, seededRandom(1));
    expect(drawn).toEqual({ left: 0, top: 0, width: 50, height: 40 });
  });

  test('the result is the crop, resized', () => {
    const got = randomResizedCrop(IMAGE, { size: [9, 12], seed: 4 });
    const { left, top, width, height } = drawCrop(IMAGE, CROP_SCALE, CROP_RATIO, seededRandom(4));
    const cut: RgbImage = {
      width,
      height,
      data: Uint8Array.from(
        Array.from({ length: width * height }, (_, i) =>
          pixel(IMAGE, left + (i % width), top + Math.floor(i / width)),
        ).flat(),
      ),
    };
    expect(got).toEqual(resizeBicubic(cut, 12, 9));
    expect(randomResizedCrop(withAlpha(IMAGE), { size: [9, 12], seed: 4 })).toEqual(got);
    expect(randomResizedCrop(IMAGE, { size: [9, 12], seed: 5 })).not.toEqual(got);
    expect(randomResizedCrop(IMAGE, { size: [9, 12], seed: seededRandom(4) })).toEqual(got);
    expect(randomResizedCrop(IMAGE)).toMatchObject({ width: 224, height: 224 });
  });
});

describe('flips', () => {
  test.each(['horizontal', 'vertical'] as const)('%s', (direction) => {
    const flipped = randomFlip(IMAGE, { probability: 1, direction });
    for (const [x, y] of [
      [0, 0],
      [39, 29],
      [5, 22],
    ] as const) {
      const [fromX, fromY] = direction === 'horizontal' ? [39 - x, y] : [x, 29 - y];
      expect(pixel(flipped, x, y)).toEqual(pixel(IMAGE, fromX, fromY));
    }
    expect(randomFlip(flipped, { probability: 1, direction })).toEqual(IMAGE);
  });

  test('with a probability, by the seed', () => {
    let flips = 0;
    const image = syntheticImage(3, 2);
    for (let seed = 0; seed < 400; seed++) {
      const isFlipped = changed(randomFlip(image, { probability: 0.3, seed }), image).length > 0;
      expect(isFlipped).toBe(seededRandom(seed).uniform() < 0.3);
      flips += Number(isFlipped);
    }
    expect(Math.abs(flips - 120)).toBeLessThan(31);
  });
});

describe('colours', () => {
  test('changes, and their order, are as the seed says', () => {
    const orders = new Set<string>();
    const image = syntheticImage(11, 9);
    const options = { brightness: 0.4, contrast: [0.5, 2], saturation: 0.7, hue: 0.2 } as const;
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed);
      const steps = [
        { name: 'b', adjust: adjustBrightness, factor: random.between(0.6, 1.4) },
        { name: 'c', adjust: adjustContrast, factor: random.between(0.5, 2) },
        { name: 's', adjust: adjustSaturation, factor: random.between(1 - 0.7, 1.7) },
        { name: 'h', adjust: adjustHue, factor: random.between(-0.2, 0.2) },
      ];
      const order = random.shuffle(steps);
      const expected = order.reduce((now, { adjust, factor }) => adjust(now, factor), image);
      expect(colorJitter(image, { ...options, seed })).toEqual(expected);
      orders.add(order.map(({ name }) => name).join(''));
    }
    expect(orders.size).toBeGreaterThan(12);
  });

  test('amounts above 1 end at 0, and none changes nothing', () => {
    const none = colorJitter(IMAGE);
    expect(none).toEqual(IMAGE);
    expect(none.data.buffer).not.toBe(IMAGE.data.buffer);
    expect(colorJitter(IMAGE, { brightness: [0, 0] }).data.every((byte) => byte === 0)).toBe(true);
    expect(colorJitter(IMAGE, { brightness: [1, 1], hue: [0, 0], contrast: 0 })).toEqual(IMAGE);
    for (let seed = 0; seed < 20; seed++) colorJitter(IMAGE, { brightness: 3, seed });
  });
});

describe('erasing from bytes', () => {
  const MEAN = [0.485, 0.456, 0.406];

  test.each(['pixel', 'rand', 'const'] as const)('mode %s', (mode) => {
    const erased = randomErasing(IMAGE, { probability: 1, mode, scale: [0.2, 0.3], seed: 3 });
    const pixels = changed(IMAGE, erased);
    const [rows, columns] = [0, 1].map((k) => new Set(pixels.map((p) => p[k])).size) as [
      number,
      number,
    ];
    // A pixel of noise may be what was there.
    expect(rows * columns - pixels.length).toBeLessThan(3);
    expect(pixels.length).toBeGreaterThan(0.18 * 1200);
    expect(pixels.length).toBeLessThan(0.32 * 1200);
    const colours = new Set(pixels.map(([y, x]) => pixel(erased, x, y).join()));
    if (mode === 'const')
      expect([...colours]).toEqual([MEAN.map((m) => Math.round(255 * m)).join()]);
    if (mode === 'rand') expect(colours.size).toBe(1);
    if (mode === 'pixel') expect(colours.size).toBeGreaterThan(0.9 * pixels.length);
  });

  test('how often, how many, and of which area', () => {
    const size = [500, 500, 1] as const;
    const areas = (options: Erasing, count: number) => {
      const erasing = checkErasing('test', options);
      return Array.from({ length: count }, (_, i) => {
        const random = seededRandom(2, i);
        if (!isErased(erasing, random)) return [];
        // What is written has no place, and goes nowhere.
        const regions = eraseValues(new Float32Array(0), 0, size, erasing, random);
        return regions.map(({ width, height }) => (width * height) / 250_000);
      });
    };
    const shares = areas({ mode: 'const' }, 4000).flat();
    expect(Math.abs(shares.length - 1000)).toBeLessThan(91);
    // Rectangles as high or wide as the image are drawn anew, which takes a few of the largest away.
    const small = shares.filter((x) => x < 0.25);
    expect(distance(small, (x) => (x - 0.02) / 0.23)).toBeLessThan(1.95);
    expect(Math.max(...shares)).toBeLessThan(0.335);
    const several = areas({ mode: 'const', probability: 1, count: [2, 5] }, 400);
    expect(new Set(several.map((list) => list.length))).toEqual(new Set([2, 3, 4, 5]));
    for (const list of several) expect(Math.max(...list)).toBeLessThan(0.335 / list.length);
  });

  test('an image of one pixel has no rectangle smaller than itself', () => {
    const one: RgbImage = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
    expect(randomErasing(one, { probability: 1, seed: 1 })).toEqual(one);
  });
});

test('the given pixels stay as they are, and results do not share their memory', () => {
  const image = syntheticImage(20, 20);
  const before = image.data.slice();
  for (let seed = 0; seed < 6; seed++) {
    const results = [
      randomResizedCrop(image, { size: [20, 20], scale: [1, 1], ratio: [1, 1], seed }),
      randomFlip(image, { seed }),
      colorJitter(image, { brightness: 0.5, seed }),
      randomErasing(image, { seed }),
    ];
    for (const { data } of results) data.fill(0);
  }
  expect(image.data).toEqual(before);
});

test('without a seed, results differ', () => {
  const results = Array.from({ length: 8 }, () => randomResizedCrop(IMAGE, { size: [8, 8] }));
  expect(new Set(results.map(({ data }) => data.join())).size).toBe(8);
});

test.each([
  [() => randomResizedCrop(IMAGE, { size: 224 as never }), 'size is 224; expected [height, width]'],
  [() => randomResizedCrop(IMAGE, { scale: [0.5, 0.1] }), 'scale is [0.5, 0.1]; expected [lowest,'],
  [() => randomResizedCrop(IMAGE, { scale: [0.5, 2] }), 'randomResizedCrop: scale is [0.5, 2]'],
  [() => randomResizedCrop(IMAGE, { ratio: [0, 2] }), 'randomResizedCrop: ratio is [0, 2]'],
  [() => randomResizedCrop(IMAGE, { seed: 'a' as never }), 'randomResizedCrop: seed is "a"'],
  [() => randomResizedCrop({ width: 2 } as never), 'image: {"width":2} given; expected { width'],
  [() => colorJitter(IMAGE, { hue: 0.7 }), 'hue is 0.7; expected a number in [0, 0.5]'],
  [() => colorJitter(IMAGE, { hue: [-1, 0] }), 'colorJitter: hue is [-1, 0]; expected [lowest,'],
  [() => colorJitter(IMAGE, { brightness: -1 }), 'brightness is -1; expected a number from 0'],
  [() => colorJitter(IMAGE, { brightness: 'x' as never }), 'brightness is "x"; expected [lowest'],
  [() => colorJitter(IMAGE, { colour: 1 } as never), "colorJitter: there is no option 'colour'"],
  [() => randomErasing(IMAGE, { count: 0 }), 'count is 0; expected an integer from 1, or [fewest'],
  [() => randomErasing(IMAGE, { count: [3, 2] }), 'randomErasing: count is [3, 2]; expected'],
  [() => randomErasing(IMAGE, { mean: [128, 0, 0] }), 'expected that of pixels in 0..1'],
  [() => randomFlip(IMAGE, { direction: 'both' as never }), "expected one of 'horizontal'"],
])('what cannot be is refused: %#', (f, message) => {
  expect(f).toThrow(message);
});
