/** Pictures with boxes and masks, flipped, resized and cut as OpenCV does it; make_opencv_fixture.py writes the table. */
import { createHash } from 'node:crypto';

import {
  type DetectionExample,
  detectionTransform,
  type DetectionTransformOptions,
  encodeMask,
  type PictureObjects,
  type RgbImage,
  seededRandom,
} from 'tfjs-revcol';
import {
  crop,
  flip,
  type Moved,
  movedMasks,
  resize,
  start,
} from '../../src/augmentation/moved_objects';
import { syntheticImage } from '../support/synthetic_image';
import table from './opencv.json';

const digest = ({ data }: { data: Uint8Array }) =>
  createHash('sha256').update(data).digest('hex').slice(0, 16);

type Inside = (x: number, y: number) => boolean;
const MASKS: Inside[] = [
  (x, y) => (x * 3 + y * 5 + ((x * y) % 7)) % 4 < 2,
  (x, y) => x * x < 9 * y,
  () => false,
];

function objectsOf(width: number, height: number, boxes: number[][]): PictureObjects {
  const masks = boxes.map((_, i) => {
    const data = Uint8Array.from({ length: width * height }, (_at, at) =>
      Number((MASKS[i] as Inside)(at % width, Math.floor(at / width))),
    );
    return encodeMask({ width, height, data });
  });
  const crowds = Float32Array.from(boxes.flat());
  const labels = Int32Array.from(boxes, (_, i) => i + 5);
  return { width, height, boxes: crowds.slice(), labels, masks, crowds };
}

test.each(table.cases)('$size: $steps', ({ size, steps, ...expected }) => {
  const [width, height] = size as [number, number];
  const objects = objectsOf(width, height, table.boxes);
  let moved: Moved = start(syntheticImage(width, height), objects);
  for (const [name, ...numbers] of steps as [string, ...number[]][]) {
    const [a, b, c, d] = numbers as [number, number, number, number];
    if (name === 'flip') moved = flip(moved);
    else if (name === 'resize') moved = resize(moved, a, b);
    else moved = crop(moved, { left: a, top: b, width: c, height: d });
  }
  const { image, boxes, kept, crowds } = moved;
  expect([image.width, image.height]).toEqual(expected.result);
  expect(digest(image)).toBe(expected.image);
  expect(Array.from(boxes)).toEqual(expected.boxes.flat());
  expect(crowds).toEqual(boxes);
  expect(kept).toEqual(expected.kept);
  expect(movedMasks(moved, objects.masks ?? []).map(digest)).toEqual(expected.masks);
  // What was given is as it was.
  expect(objects).toEqual(objectsOf(width, height, table.boxes));
});

describe('detectionTransform', () => {
  const image = syntheticImage(60, 45);
  const objects = objectsOf(60, 45, [
    [10, 5, 30, 25],
    [0, 0, 1, 1],
  ]);
  const small: DetectionTransformOptions = {
    shortSides: [20, 30],
    longSide: 70,
    crop: { shortSides: [40, 50], sides: [10, 30] },
  };

  test('is a function of picture, objects and seed', () => {
    const transform = detectionTransform(small);
    const seen = new Map<string, DetectionExample>();
    for (let seed = 0; seed < 60; seed++) {
      const made = transform(image, objects, seed);
      expect(transform(image, objects, seededRandom(seed))).toEqual(made);
      const { width, height } = made.image;
      expect([20, 30]).toContain(Math.min(width, height));
      expect(Math.max(width, height)).toBeLessThanOrEqual(70);
      expect(made.masks).toHaveLength(made.labels.length);
      expect(made.boxes).toHaveLength(4 * made.labels.length);
      for (const mask of made.masks ?? [])
        expect([mask.width, mask.height]).toEqual([width, height]);
      made.boxes.forEach((value, i) => {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(i % 2 === 0 ? width : height);
      });
      seen.set(digest(made.image), made);
    }
    // Two sizes, flipped or not, and crops, of which some have lost an object or all of them.
    expect(seen.size).toBeGreaterThan(20);
    const counts = new Set([...seen.values()].map(({ labels }) => labels.length));
    expect(counts).toEqual(new Set([0, 1, 2]));
    expect([...seen.values()].some(({ labels: [label] }) => label === 5)).toBe(true);
    expect(objects).toEqual(
      objectsOf(60, 45, [
        [10, 5, 30, 25],
        [0, 0, 1, 1],
      ]),
    );
  });

  test('what evaluation does: one size, nothing by chance', () => {
    const transform = detectionTransform({ shortSides: [90], longSide: 1000, flip: 0, crop: null });
    const { boxes, labels, crowds } = objects;
    const made = transform(image, { width: 60, height: 45, boxes, labels, crowds });
    expect(made).toEqual({
      image: made.image,
      size: [90, 120],
      boxes: Float32Array.from([20, 10, 60, 50, 0, 0, 2, 2]),
      labels: objects.labels,
      crowds: made.boxes,
    });
    expect([made.image.width, made.image.height]).toEqual([120, 90]);
  });

  test('objects of which nothing is left in float32 are left out', () => {
    // As COCO's JSON may have them: 639.99999 is 640 in float32, where no box begins.
    const corners = [[639.99999, 10, 690, 60], [100, 479.99999, 120, 485], [1, 1, 21, 21]]; // prettier-ignore
    const image = syntheticImage(640, 480);
    const objects = objectsOf(640, 480, corners);
    const transform = detectionTransform({ shortSides: [240], crop: null, flip: 0 });
    const { boxes, labels, masks, crowds } = transform(image, objects);
    expect([...boxes]).toEqual([0.5, 0.5, 10.5, 10.5]);
    expect([...crowds]).toEqual([...boxes]);
    expect([[...labels], masks?.length]).toEqual([[7], 1]);
  });

  test.each([
    ['[x, y, width, height]', [30, 20, 10, 12]],
    ['no number', [1, 2, NaN, 9]],
    ['no end', [1, 2, Infinity, 9]],
    ['no height', [1, 2, 8, 2]],
  ])('a box that is none is refused and not left out: %s', (_, box) => {
    const small = syntheticImage(60, 45);
    const good = objectsOf(60, 45, [[1, 1, 9, 9]]);
    const both = Float32Array.from([1, 1, 9, 9, ...box]);
    const transform = detectionTransform();
    const text =
      /(object|crowd) 1: the box \[x1, y1, x2, y2\] is .* corners and not \[x, y, width, height\]/;
    const bad = objectsOf(60, 45, [[1, 1, 9, 9], box]);
    expect(() => transform(small, { ...bad, crowds: good.crowds })).toThrow(text);
    expect(() => transform(small, { ...good, crowds: both })).toThrow(text);
  });

  test('the published sizes by default', () => {
    const sides = new Set<number>();
    const wide: RgbImage = { width: 8, height: 4, data: new Uint8Array(96) };
    const none = objectsOf(8, 4, []);
    for (let seed = 0; seed < 12; seed++) {
      const { image: made } = detectionTransform({ crop: null })(wide, none, seed);
      sides.add(made.height);
      expect(made.width).toBe(Math.min(2 * made.height, 1333));
    }
    for (const side of sides) {
      const isPublished = side >= 480 && side <= 800 && side % 32 === 0;
      // The longer side comes first: 1333 / 2.
      expect(isPublished || side === 667).toBe(true);
    }
    expect(sides.size).toBeGreaterThan(2);
  });

  test.each<[string, unknown, RegExp]>([
    ['an unknown option', { size: 5 }, /there is no option 'size'/],
    ['no side', { shortSides: [] }, /shortSides is \[\]; expected one length or more/],
    ['half a pixel', { shortSides: [1.5] }, /shortSides is 1.5; expected an integer/],
    ['no long side', { longSide: 0 }, /longSide is 0/],
    ['no probability', { flip: 2 }, /flip is 2; expected a probability/],
    [
      'an unknown option of crops',
      { crop: { size: 1 } },
      /detectionTransform: crop: there is no option 'size'/,
    ],
    [
      'sides of crops',
      { crop: { sides: [5, 2] } },
      /the sides of crop is \[5, 2\]; expected \[least/,
    ],
  ])('%s', (_, options, message) => {
    expect(() => detectionTransform(options as DetectionTransformOptions)).toThrow(message);
  });

  test.each<[string, unknown, RegExp]>([
    ['no objects', undefined, /objects is undefined; expected \{ width, height, boxes/],
    ['objects of another picture', { ...objects, width: 61 }, /image is of 60 x 45 .* of 61 x 45/],
    ['too few labels', { ...objects, labels: [1] }, /1 labels, 8 numbers of boxes and 2 masks/],
    [
      'masks of another size',
      { ...objects, masks: Array(2).fill({ size: [1, 1], counts: '1' }) },
      /mask 0 is of 1 x 1 pixels; expected 60 x 45/,
    ],
    [
      'damaged masks',
      { ...objects, masks: Array(2).fill({ size: [45, 60], counts: '1' }) },
      /mask 0 add up to 1 pixels/,
    ],
  ])('%s', (_, wrong, message) => {
    const transform = detectionTransform({ ...small, crop: null });
    expect(() => transform(image, wrong as PictureObjects, 1)).toThrow(message);
  });
});
