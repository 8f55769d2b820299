/** Flipping and erasing, image by image, on batches of tensors. */
import * as tf from '@tensorflow/tfjs';

import { randomErasing, type RandomErasingOptions, randomFlip, seededRandom } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';

type Batch = number[][][][];

/** No two values are the same. */
function distinct(batch: number, height: number, width: number, channels: number): tf.Tensor4D {
  const size = batch * height * width * channels;
  return tf.tensor4d(
    Float32Array.from({ length: size }, (_, i) => i + 10),
    [batch, height, width, channels],
  );
}

/** The pixels of an image that are not what they were, as row and column. */
function changed(before: number[][][], after: number[][][]): [number, number][] {
  return before.flatMap((row, y) =>
    row.flatMap((pixel, x): [number, number][] =>
      pixel.join() === after[y]?.[x]?.join() ? [] : [[y, x]],
    ),
  );
}

describeBackends('batches', () => {
  test.each(['horizontal', 'vertical'] as const)('a %s flip', async (direction) => {
    const images = distinct(16, 3, 4, 2);
    const before = (await images.array()) as Batch;
    const flipped = randomFlip(images, { direction, seed: 3 });
    const after = (await flipped.array()) as Batch;
    const mirrored = before.map((image) =>
      direction === 'vertical' ? [...image].reverse() : image.map((row) => [...row].reverse()),
    );
    const isFlipped = after.map((image, i) => {
      const same = JSON.stringify(image) === JSON.stringify(before[i]);
      expect(image).toEqual(same ? before[i] : mirrored[i]);
      return !same;
    });
    // As the numbers of the seed say, on every backend.
    const random = seededRandom(3);
    expect(isFlipped).toEqual(isFlipped.map(() => random.uniform() < 0.5));
    tf.dispose([images, flipped]);
  });

  test('a flip of all, of none, and of integers', async () => {
    const images = tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1], 'int32');
    const [all, none] = [1, 0].map((probability) => randomFlip(images, { probability, seed: 1 }));
    expect(all?.dtype).toBe('int32');
    expect([...(await (all as tf.Tensor).data())]).toEqual([2, 1, 4, 3]);
    expect([...(await (none as tf.Tensor).data())]).toEqual([1, 2, 3, 4]);
    tf.dispose([images, all, none]);
  });

  test.each(['pixel', 'rand', 'const'] as const)('erasing, mode %s', async (mode) => {
    const images = distinct(8, 12, 10, 3);
    const before = (await images.array()) as Batch;
    const options = { probability: 0.7, mode, scale: [0.1, 0.4], seed: 1 } as RandomErasingOptions;
    const erased = randomErasing(images, options);
    const after = (await erased.array()) as Batch;
    let count = 0;
    const noise: number[] = [];
    after.forEach((image, i) => {
      const pixels = changed(before[i] as number[][][], image);
      if (pixels.length === 0) return;
      count++;
      const rows = new Set(pixels.map(([y]) => y));
      const columns = new Set(pixels.map(([, x]) => x));
      expect(rows.size * columns.size).toBe(pixels.length);
      const values = pixels.map(([y, x]) => image[y]?.[x] as number[]);
      if (mode === 'const') expect(values.flat().every((value) => value === 0)).toBe(true);
      if (mode === 'rand') expect(new Set(values.map((value) => value.join())).size).toBe(1);
      if (mode === 'pixel') expect(new Set(values.flat()).size).toBe(3 * pixels.length);
      noise.push(...values.flat());
    });
    expect(count).toBe(6);
    if (mode === 'pixel') {
      const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
      const square = noise.reduce((a, b) => a + b * b, 0) / noise.length;
      expect(Math.abs(mean)).toBeLessThan(3.3 / Math.sqrt(noise.length));
      expect(Math.abs(square - 1)).toBeLessThan((3.3 * Math.SQRT2) / Math.sqrt(noise.length));
    }
    tf.dispose([images, erased]);
  });

  test('an image is erased from as its place says, whatever others are in the batch', async () => {
    const images = distinct(6, 9, 9, 1);
    const few = tf.tidy(() => tf.slice(images, [0, 0, 0, 0], [3, 9, 9, 1]));
    const [a, b] = [images, few].map((x) => randomErasing(x, { probability: 1, seed: 5 }));
    const [all, some] = await Promise.all([a, b].map((x) => (x as tf.Tensor4D).array()));
    expect((all as Batch).slice(0, 3)).toEqual(some);
    tf.dispose([images, few, a, b]);
  });

  test('nothing stays but the result', async () => {
    const images = distinct(5, 6, 6, 3);
    for (const probability of [0, 0.5, 1]) {
      await expectNoLeak(() => {
        randomErasing(images, { probability, count: [1, 3], seed: 2 }).dispose();
        randomFlip(images, { probability, seed: 2 }).dispose();
      });
    }
    await expectNoLeak(() => {
      expect(() => randomErasing(images, { mode: 'noise' as never })).toThrow("one of 'pixel'");
      expect(() => randomFlip(images, { probability: 1.5 })).toThrow('a probability in [0, 1]');
    });
    expect((await images.data())[0]).toBe(10);
    images.dispose();
  });
});

test('tensors of another rank or dtype', () => {
  const flat = tf.zeros([4, 4, 3]) as unknown as tf.Tensor4D;
  const bytes = tf.zeros([1, 4, 4, 3], 'int32') as tf.Tensor4D;
  expect(() => randomFlip(flat)).toThrow(
    'randomFlip: images is a tensor of shape [4, 4, 3]; expected a tensor [batch, height, width, channels]',
  );
  expect(() => randomErasing(flat)).toThrow('expected a tensor [batch, height, width, channels]');
  expect(() => randomErasing(bytes)).toThrow(
    'randomErasing: dtype is "int32"; expected float32: normalise images before erasing',
  );
  tf.dispose([flat, bytes]);
});
