/** Batches of examples: in order, read ahead within bounds, fitted or transformed, and stopped. */
import * as tf from '@tensorflow/tfjs';

import { type ExampleSource, fitImage, preprocess } from 'tfjs-revcol';
import type { ModelInput } from '../../src/data/model_input';
import { pixelTransform } from '../../src/data/pixel_transform';
import { imagesToTensor, readBatches } from '../../src/data/read_batches';
import { tensorSource } from '../../src/data/tensor_source';
import { expectClose, expectNoLeak, useBackend } from '../support/backends';

beforeAll(() => useBackend('cpu'));

const INPUT: ModelInput = { inputSize: [6, 6], channels: 3, crop: 'squash' };

/** Pictures whose first byte is their number, of which it is known when they are read. */
async function numbered(length: number): Promise<{ source: ExampleSource; begun: number[] }> {
  const data = new Uint8Array(length * 5 * 7 * 3);
  for (let i = 0; i < length; i++) data.fill(i, i * 105, (i + 1) * 105);
  const labels = Array.from({ length }, (_, i) => i % 3);
  const plain = await tensorSource({ data, shape: [length, 5, 7, 3] }, labels);
  const begun: number[] = [];
  const read = (index: number) => {
    begun.push(index);
    return plain.read(index);
  };
  return { source: { ...plain, read }, begun };
}

test('slices of the order, the last one smaller, each normalised as preprocess does', async () => {
  const { source } = await numbered(7);
  const order = [6, 2, 2, 0, 5];
  await expectNoLeak(async () => {
    const got: number[][] = [];
    for await (const { x, labels, indices } of readBatches('t', source, {
      batchSize: 2,
      input: INPUT,
      order,
    })) {
      const images = await Promise.all(Array.from(indices, (i) => source.read(i)));
      const expected = preprocess(images, { inputSize: [6, 6], crop: 'squash' });
      expectClose(x, expected, 0);
      expect([...labels]).toEqual(Array.from(indices, (i) => i % 3));
      got.push([...indices]);
      tf.dispose([x, expected]);
    }
    expect(got).toEqual([[6, 2], [2, 0], [5]]);
  });
});

test('tells its place in the order, what was left out included', async () => {
  const { source } = await numbered(8);
  const read = (index: number) =>
    index > 1 && index < 5 ? Promise.reject(new Error('gone')) : source.read(index);
  const got: unknown[] = [];
  const options = { batchSize: 2, input: INPUT, order: [0, 1, 2, 3, 4, 5, 6], onSkip: () => {} };
  for await (const { x, indices, end } of readBatches('t', { ...source, read }, options)) {
    got.push([[...indices], end]);
    x.dispose();
  }
  expect(got).toEqual([
    [[0, 1], 2],
    [[5], 6],
    [[6], 7],
  ]);
});

test('reads ahead as many batches as it may, and no more', async () => {
  const { source, begun } = await numbered(20);
  const batches = readBatches('t', source, { batchSize: 3, input: INPUT, ahead: 2 });
  for (const most of [9, 12, 15, 18, 20, 20, 20]) {
    const { value } = await batches.next();
    expect(begun.length).toBe(most);
    value?.x.dispose();
  }
  expect((await batches.next()).done).toBe(true);
  expect([...begun].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test('who stops in the middle leaves no tensor and no rejection behind', async () => {
  const { source } = await numbered(9);
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  await expectNoLeak(async () => {
    const broken = {
      ...source,
      read: (index: number) =>
        index > 3 ? Promise.reject(new Error(`${index} is gone`)) : source.read(index),
    };
    for await (const { x } of readBatches('t', broken, { batchSize: 2, input: INPUT })) {
      x.dispose();
      break;
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

test('transforms get picture and number; what they may not give is told', async () => {
  const { source } = await numbered(4);
  const seen: number[] = [];
  const transform = (image: { width: number }, index: number) => {
    seen.push(index);
    expect(image.width).toBe(7);
    return { width: 6, height: 6, data: new Uint8Array(108).fill(10 * index) };
  };
  const { value } = await readBatches('t', source, {
    batchSize: 4,
    input: INPUT,
    transform,
  }).next();
  expect(seen).toEqual([0, 1, 2, 3]);
  const first = tf.tidy(() =>
    tf
      .reshape(value?.x as tf.Tensor, [4, -1])
      .gather([0], 1)
      .dataSync(),
  );
  expect(first[3]).toBeGreaterThan(first[0] as number);
  value?.x.dispose();
  const wrong = readBatches('t', source, {
    batchSize: 4,
    input: INPUT,
    transform: (image) => image,
  });
  await expect(wrong.next()).rejects.toThrow(/the transform gave 5 x 7 pixels; expected 6 x 6/);
});

test('an augmentation is a function of picture, epoch and number', async () => {
  const { source } = await numbered(3);
  const image = await source.read(1);
  const options = { inputSize: [8, 8] as const, randAugment: null, erasing: { probability: 1 } };
  const of = (...seed: number[]) => pixelTransform({ options, seed });
  expect(await of(1, 2)(image, 5)).toEqual(await of(1, 2)(image, 5));
  expect(await of(1, 2)(image, 5)).not.toEqual(await of(1, 3)(image, 5));
  expect(await of(1, 2)(image, 5)).not.toEqual(await of(1, 2)(image, 6));
  const without = pixelTransform({
    options: { ...options, erasing: null, colorJitter: 0 },
    seed: [1],
  });
  expect(new Set((await without(image, 0)).data)).toEqual(new Set([1]));
});

test('a model of grey pictures gets their brightness, in its units', async () => {
  const image = { width: 1, height: 1, data: Uint8Array.of(200, 100, 50) };
  const input: ModelInput = {
    inputSize: [1, 1],
    channels: 1,
    mean: [0, 0, 0],
    std: [1 / 255, 1 / 255, 1 / 255],
  };
  await expectNoLeak(() => {
    const x = imagesToTensor([image], input);
    expect(x.shape).toEqual([1, 1, 1, 1]);
    expect(x.dataSync()[0]).toBeCloseTo(0.299 * 200 + 0.587 * 100 + 0.114 * 50, 3);
    x.dispose();
  });
});

test('a source that fits in threads of its own is asked to', async () => {
  const { source, begun } = await numbered(2);
  const asked: unknown[] = [];
  const fitting: ExampleSource = {
    ...source,
    readFitted: async (index, options) => {
      asked.push(options);
      return fitImage(await source.read(index), options);
    },
    readTransformed: async (index, recipe) => {
      asked.push(recipe);
      return pixelTransform(recipe)(await source.read(index), index);
    },
  };
  const first = await readBatches('t', fitting, { batchSize: 1, input: INPUT, ahead: 0 }).next();
  expect(asked).toEqual([{ inputSize: [6, 6], crop: 'squash' }]);
  const transform = pixelTransform({ options: { inputSize: [6, 6] }, seed: [1] });
  const options = { batchSize: 1, input: INPUT, ahead: 0, transform };
  const second = await readBatches('t', fitting, options).next();
  expect(asked[1]).toBe(transform.recipe);
  expect(begun).toEqual([0, 0]);
  tf.dispose([first.value?.x as tf.Tensor, second.value?.x as tf.Tensor]);
});
