/** Every operation gives the bytes that it gives in Pillow and timm; make_pillow_fixture.py writes the table. */
import { createHash } from 'node:crypto';

import { type AffineOptions, type Interpolation, rotate } from '../../src/augmentation/affine';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
} from '../../src/augmentation/enhance';
import { adjustHue } from '../../src/augmentation/hue';
import {
  AUGMENTATION_NAMES,
  type AugmentationName,
  augmentBy,
  type Sign,
} from '../../src/augmentation/magnitudes';
import { cropAndResize } from '../../src/augmentation/random_resized_crop';
import { autoContrast, equalize, posterize } from '../../src/augmentation/tones';
import type { RgbImage } from '../../src/preprocessing/image';
import { dullImage, manyColours, syntheticImage } from '../support/synthetic_image';
import table from './pillow.json';

const IMAGES: Record<string, RgbImage> = {
  synthetic: syntheticImage(61, 47),
  dull: dullImage(61, 47),
  colours: manyColours(),
};
const image = (kind: string) => IMAGES[kind] as RgbImage;

const digest = ({ data }: RgbImage) => createHash('sha256').update(data).digest('hex').slice(0, 16);

const FILL = [124, 116, 104];

test('the table has every operation', () => {
  expect([...new Set(table.operations.map(({ name }) => name))].sort()).toEqual(
    [...AUGMENTATION_NAMES].sort(),
  );
});

test.each(table.operations)('$name of $image, $interpolation', (row) => {
  const options: AffineOptions = {
    interpolation: row.interpolation as Interpolation,
    fill: FILL,
  };
  const before = digest(image(row.image));
  const of = (sign: Sign) =>
    table.magnitudes.map((magnitude) =>
      digest(augmentBy(row.name as AugmentationName, image(row.image), magnitude, sign, options)),
    );
  expect({ plus: of(1), minus: of(-1) }).toEqual({ plus: row.plus, minus: row.minus });
  expect(digest(image(row.image))).toBe(before);
});

test.each(table.enhanced)('$name of $image', (row) => {
  const adjust = {
    brightness: adjustBrightness,
    contrast: adjustContrast,
    saturation: adjustSaturation,
  }[row.name] as (image: RgbImage, factor: number) => RgbImage;
  expect(table.factors.map((factor) => digest(adjust(image(row.image), factor)))).toEqual(
    row.digests,
  );
});

test.each(table.hues)('hues of $image', (row) => {
  expect(table.turns.map((turns) => digest(adjustHue(image(row.image), turns)))).toEqual(
    row.digests,
  );
});

test.each(table.crops)('crop of $region to $size', (row) => {
  const [left, top, width, height] = row.region as [number, number, number, number];
  const [toWidth, toHeight] = row.size as [number, number];
  const region = { left, top, width, height };
  expect(digest(cropAndResize(image('synthetic'), region, [toHeight, toWidth]))).toBe(row.digest);
});

test('images that leave nothing to do, of one pixel or one colour', () => {
  const one: RgbImage = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30) };
  const options: AffineOptions = { interpolation: 'bicubic', fill: FILL };
  for (const f of [autoContrast, equalize]) expect(f(one).data).toEqual(one.data);
  expect(adjustSharpness(one, 3).data).toEqual(one.data);
  expect(adjustContrast(one, 0).data).toEqual(Uint8Array.of(18, 18, 18));
  expect(rotate(one, 10, options).data).toEqual(one.data);
  expect(rotate(one, 360, options)).toBe(one);
  expect(posterize(one, 8)).toBe(one);
  const flat: RgbImage = { width: 4, height: 3, data: new Uint8Array(36).fill(99) };
  for (const f of [autoContrast, equalize]) expect(f(flat).data).toEqual(flat.data);
});
