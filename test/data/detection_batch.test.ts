/** Batches of pictures with objects, and results as COCO's JSON. */
import * as tf from '@tensorflow/tfjs';

import {
  cocoResults,
  detectionBatch,
  type DetectionBatchOptions,
  type DetectionExample,
  encodeMask,
  type FoundInPicture,
  IMAGENET_MEAN,
  IMAGENET_STD,
} from 'tfjs-revcol';
import { expectClose, expectNoLeak, useBackend } from '../support/backends';
import { syntheticImage } from '../support/synthetic_image';

beforeAll(() => useBackend('cpu'));

const exampleOf = (width: number, height: number): DetectionExample => ({
  image: syntheticImage(width, height),
  size: [height, width],
  boxes: Float32Array.of(1, 2, 3, 4),
  labels: Int32Array.of(5),
  crowds: new Float32Array(0),
});

test('pictures are normalised, and padded with 0 to one size', async () => {
  const examples = [exampleOf(5, 7), exampleOf(9, 3)];
  await expectNoLeak(() => {
    const { images, objects } = detectionBatch(examples, { sizeDivisor: 4 });
    expect(images.shape).toEqual([2, 8, 12, 3]);
    expect(objects.map(({ size, masks }) => [...size, ...masks])).toEqual([
      [7, 5],
      [3, 9],
    ]);
    expect(objects[1]).toMatchObject({ boxes: examples[1]?.boxes, labels: examples[1]?.labels });
    examples.forEach(({ image: { data, width, height } }, i) => {
      const expected = tf.tidy(() => {
        const pixels = tf.div(tf.tensor3d(Float32Array.from(data), [height, width, 3]), 255);
        const normal = tf.div(tf.sub(pixels, tf.tensor1d([...IMAGENET_MEAN])), [...IMAGENET_STD]);
        return tf
          .pad(normal, [
            [0, 8 - height],
            [0, 12 - width],
            [0, 0],
          ])
          .dataSync();
      });
      const got = tf.tidy(() => tf.gather(images, i).dataSync());
      expectClose(got, expected, 1e-6);
      expect(Array.from(got, (v) => v === 0)).toEqual(Array.from(expected, (v) => v === 0));
    });
    images.dispose();
  });
  const { images } = detectionBatch([exampleOf(33, 32)]);
  expect(images.shape).toEqual([1, 32, 64, 3]);
  images.dispose();
});

test.each<[string, unknown, DetectionBatchOptions, RegExp]>([
  ['nothing', [], {}, /examples is \[\]; expected one picture or more/],
  ['no list', exampleOf(4, 4), {}, /expected a list of pictures with objects/],
  ['no example', [null], {}, /image: undefined given; expected \{ width, height, data \}/],
  ['no divisor', [exampleOf(4, 4)], { sizeDivisor: 0.5 }, /sizeDivisor is 0.5/],
  ['statistics of bytes', [exampleOf(4, 4)], { mean: [123, 116, 103] }, /divide mean and std/i],
])('refused: %s', (_, examples, options, message) => {
  const before = tf.memory().numTensors;
  expect(() => detectionBatch(examples as DetectionExample[], options)).toThrow(message);
  expect(tf.memory().numTensors).toBe(before);
});

describe('cocoResults', () => {
  const mask = Uint8Array.of(0, 1, 1, 0);
  const object = { box: [1, 2, 4, 8] as const, score: 0.5, label: 1, mask: null };
  const found = (...objects: unknown[]) => ({ width: 2, height: 2, objects }) as FoundInPicture;

  test('boxes, and masks where there are any', () => {
    expect(cocoResults(9, found(object, { ...object, label: 0, mask }), [4, 7])).toEqual([
      { image_id: 9, category_id: 7, bbox: [1, 2, 3, 6], score: 0.5 },
      {
        ...{ image_id: 9, category_id: 4, bbox: [1, 2, 3, 6], score: 0.5 },
        segmentation: encodeMask({ width: 2, height: 2, data: mask }),
      },
    ]);
    expect(cocoResults(9, found(), [])).toEqual([]);
  });

  test('what is refused', () => {
    const refused = (...args: unknown[]) =>
      expect(() => (cocoResults as (...args: unknown[]) => unknown)(...args));
    refused('9', found(), []).toThrow(/imageId is "9"; expected a whole number/);
    refused(9, {}, []).toThrow(/found is \{\}; expected what detect gives/);
    refused(9, found(object), [4]).toThrow(/object 0 is .*one of the 1 classes that have ids/);
    refused(9, found({ ...object, box: [1, 2, 3] }), [4, 7]).toThrow(/object 0 is/);
    refused(9, found({ ...object, score: NaN }), [4, 7]).toThrow(/object 0 is/);
    refused(9, found({ ...object, mask: mask.slice(1) }), [4, 7]).toThrow(/length of data is 3/);
  });
});
