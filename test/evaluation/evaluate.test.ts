/** Evaluation of classifiers: against scikit-learn, from every kind of data, and what is refused. */
import * as tf from '@tensorflow/tfjs';

import { Ema, evaluate, type Evaluation, fineTune, tensorSource } from 'tfjs-revcol';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';
import fixture from './metrics.json';

type Case = (typeof fixture.cases)[keyof typeof fixture.cases];

/** A model that gives what it is given, or its softmax. */
function passing(
  classes: number,
  softmax: 'none' | 'layer' | 'activation' = 'none',
): tf.LayersModel {
  const last = {
    none: () => [],
    layer: () => [tf.layers.softmax()],
    activation: () => [tf.layers.activation({ activation: 'softmax' })],
  };
  return tf.sequential({
    layers: [
      tf.layers.reshape({ targetShape: [classes], inputShape: [classes] }),
      ...last[softmax](),
    ],
  });
}

function expectAsSklearn(got: Evaluation, expected: Case, digits: number): void {
  const near = (value: number | null): unknown =>
    value === null ? null : expect.closeTo(value, digits);
  expect(got).toMatchObject({
    examples: expected.labels.length,
    top1: near(expected.top1),
    top5: near(expected.top5),
    loss: near(expected.loss),
    meanRecall: near(expected.meanRecall),
    confusionMatrix: expected.confusion,
    perClass: expected.support.map((support, c) => ({
      support,
      precision: near(expected.precision[c] as number),
      recall: near(expected.recall[c] as number | null),
      f1: near(expected.f1[c] as number),
      predicted: expected.confusion.reduce((sum, row) => sum + (row[c] as number), 0),
    })),
    calibration: {
      expectedError: near(expected.expectedError),
      largestError: near(expected.largestError),
    },
    skipped: [],
  });
  expect(got.calibration.bins.map(({ count }) => count)).toEqual(expected.counts);
}

describeBackends('evaluate', () => {
  test.each(Object.entries(fixture.cases))('%s: as scikit-learn', async (_, given) => {
    const { classes, labels } = given;
    for (const softmax of ['none', 'layer', 'activation'] as const) {
      const model = passing(classes, softmax);
      const x = tf.tensor2d(given.logits, [labels.length, classes]);
      await expectNoLeak(async () => {
        const got = await evaluate(model, { x, y: labels }, { batchSize: 17 });
        expectAsSklearn(got, given, 5);
        // All of it is JSON.
        expect(JSON.parse(JSON.stringify(got))).toEqual(got);
      });
      x.dispose();
      model.dispose();
    }
  });

  test('one-hot labels, datasets and streams give the same', async () => {
    const given = fixture.cases['seven classes, one without examples'];
    const { classes, labels, logits } = given;
    const model = passing(classes);
    const batches = function* () {
      for (let start = 0; start < labels.length; start += 13) {
        const ids = labels.slice(start, start + 13);
        const rows = logits.slice(start * classes, (start + ids.length) * classes);
        yield {
          xs: tf.tensor2d(rows, [ids.length, classes]),
          ys: tf.oneHot(tf.tensor1d(ids, 'int32'), classes),
        };
      }
    };
    const expected = await evaluate(model, {
      x: tf.tensor2d(logits, [labels.length, classes]),
      y: tf.oneHot(tf.tensor1d(labels, 'int32'), classes),
    });
    expectAsSklearn(expected, given, 5);
    const dataset = tf.data.generator(batches as never);
    expect(await evaluate(model, dataset)).toEqual(expected);
    const stream = async function* () {
      for (const { xs, ys } of batches()) {
        yield [xs, tf.argMax(ys, 1)];
        tf.dispose(ys);
      }
    };
    expect(await evaluate(model, stream())).toEqual(expected);
    model.dispose();
  });

  test('the worst mistakes, with what the model gives their classes', async () => {
    const probabilities = [
      [0.6, 0.3, 0.1],
      [0.05, 0.9, 0.05],
      [0.01, 0.01, 0.98],
      [0.2, 0.7, 0.1],
    ];
    const model = passing(3);
    const x = tf.log(tf.tensor2d(probabilities));
    const classNames = ['a', 'b', 'c'];
    const { worst, confusions } = await evaluate(
      model,
      { x, y: [0, 0, 1, 2], classNames },
      { worst: 2 },
    );
    const near = (value: number) => expect.closeTo(value, 5) as number;
    expect(worst).toEqual([
      {
        index: 2,
        name: 'example 2',
        label: 1,
        predicted: 2,
        probability: near(0.98),
        labelProbability: near(0.01),
        loss: near(-Math.log(0.01)),
      },
      {
        index: 1,
        name: 'example 1',
        label: 0,
        predicted: 1,
        probability: near(0.9),
        labelProbability: near(0.05),
        loss: near(-Math.log(0.05)),
      },
    ]);
    expect(confusions).toEqual([
      { label: 0, predicted: 1, count: 1 },
      { label: 1, predicted: 2, count: 1 },
      { label: 2, predicted: 1, count: 1 },
    ]);
    x.dispose();
    model.dispose();
  });

  test('pictures get the units of the model, in batches read ahead', async () => {
    // The class is the channel that is brightest; the model wants pixels in 0..1, centred.
    const model = tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [4, 4, 3], dataFormat: 'channelsLast' }),
      ],
    });
    model.setUserDefinedMetadata({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], crop: 'squash' });
    const data = new Uint8Array(10 * 6 * 5 * 3);
    for (let i = 0; i < data.length; i += 3) data[i + (Math.floor(i / 90) % 3)] = 255;
    const labels = Array.from({ length: 10 }, (_, i) => (i === 7 ? 0 : i % 3));
    const source = await tensorSource({ data, shape: [10, 6, 5, 3] }, labels);
    await expectNoLeak(async () => {
      const got = await evaluate(model, source, { batchSize: 3 });
      expect(got.top1).toBe(0.9);
      expect(got.worst.map(({ index }) => index)).toEqual([7]);
      // The brightest channel is 1, the others -1.
      expect(got.worst[0]?.labelProbability).toBeCloseTo(1 / (Math.exp(2) + 2), 5);
    });
    model.dispose();
  });
});

describe('evaluate', () => {
  beforeAll(() => useBackend('cpu'));

  test('the averaged weights, and the own ones again, also after a failure', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    const eye = [tf.tensor2d([1, 0, 0, 1], [2, 2]), tf.tensor1d([0, 0])];
    const swapped = [tf.tensor2d([0, 1, 1, 0], [2, 2]), tf.tensor1d([0, 0])];
    model.setWeights(eye);
    const ema = new Ema(model, { decay: 0 });
    model.setWeights(swapped);
    const x = tf.tensor2d([3, 0, 0, 3], [2, 2]);
    const accuracy = async (options = {}) =>
      (await evaluate(model, { x, y: [0, 1] }, options)).top1;
    await expectNoLeak(async () => {
      expect(await accuracy()).toBe(0);
      expect(await accuracy({ ema })).toBe(1);
      expect(await accuracy()).toBe(0);
      await expect(evaluate(model, { x, y: [0, 5] }, { ema })).rejects.toThrow(
        /label of example 1 is 5/,
      );
      expect(ema.applied).toBe(false);
    });
    tf.dispose([x, ...eye, ...swapped]);
    ema.dispose();
    model.dispose();
  });

  test('classes are found by name', async () => {
    const model = passing(3);
    const x = tf.tensor2d([5, 0, 0, 0, 5, 0], [2, 3]);
    const data = { x, y: [1, 0], classNames: ['dog', 'cat'] };
    expect((await evaluate(model, data, { classNames: ['cat', 'dog', 'cow'] })).top1).toBe(1);
    model.setUserDefinedMetadata({ classNames: ['dog', 'cat', 'cow'] });
    const { top1, classNames, perClass } = await evaluate(model, data);
    expect([top1, classNames]).toEqual([0, ['dog', 'cat', 'cow']]);
    expect(perClass[2]).toMatchObject({ name: 'cow', support: 0, recall: null });
    await expect(evaluate(model, { ...data, classNames: ['dog', 'cta'] })).rejects.toThrow(
      /the model knows no class "cta"; it has "dog", "cat", "cow"/,
    );
    await expect(evaluate(model, data, { preprocessing: 5 as never })).rejects.toThrow(
      /evaluate: preprocessing: options are 5; expected an object/,
    );
    model.setUserDefinedMetadata({});
    await expect(evaluate(model, data)).rejects.toThrow(
      /the data have 2 classes \("dog", "cat"\), the model has 3, whose names are not known/,
    );
    x.dispose();
    model.dispose();
  });

  test('a broken picture stops it by name, or is left out and told', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [4, 4, 3], dataFormat: 'channelsLast' }),
      ],
    });
    const good = await tensorSource(
      { data: new Uint8Array(5 * 48), shape: [5, 4, 4, 3] },
      [0, 1, 2, 0, 1],
    );
    const isBroken = (index: number) => index === 1 || index === 4;
    const source = {
      ...good,
      name: (index: number) => `pictures/${index}.jpg`,
      read: (index: number) =>
        isBroken(index)
          ? Promise.reject(new Error(`pictures/${index}.jpg: is cut short`))
          : good.read(index),
    };
    await expectNoLeak(async () => {
      await expect(evaluate(model, source, { batchSize: 2 })).rejects.toThrow(
        /evaluate: example 1 cannot be read: pictures\/1\.jpg: is cut short\. .*onError: 'skip'/,
      );
      const { examples, skipped } = await evaluate(model, source, {
        batchSize: 2,
        onError: 'skip',
      });
      expect(examples).toBe(3);
      expect(skipped).toEqual(
        [1, 4].map((index) => ({
          index,
          name: `pictures/${index}.jpg`,
          message: `pictures/${index}.jpg: is cut short`,
        })),
      );
      const broken = { ...source, read: () => Promise.reject(new Error('gone')) };
      await expect(evaluate(model, broken, { onError: 'skip' })).rejects.toThrow(
        /none of 5 examples can be read; the first is pictures\/0\.jpg: gone/,
      );
    });
    model.dispose();
  });

  test('batches of a stream that are wrong, empty, or have more to them leave nothing behind', async () => {
    const model = passing(3);
    const stream = async function* (...elements: unknown[]) {
      for (const element of elements) yield await Promise.resolve(element);
    };
    const good = () => ({ xs: tf.eye(3), ys: tf.tensor1d([0, 1, 0], 'int32') });
    const wrong: [make: () => unknown, says: RegExp][] = [
      [() => ({ xs: tf.eye(3) }), /the dataset gave .*; expected \{ xs, ys \}/],
      [() => [tf.eye(3)], /the dataset gave/],
      [() => ({ xs: { a: tf.eye(3), b: tf.eye(3) }, ys: tf.eye(3) }), /the dataset gave/],
      [() => tf.eye(3), /the dataset gave/],
      [() => null, /the dataset gave null/],
      [() => ({ xs: tf.eye(3), ys: tf.zeros([3, 1, 1]) }), /labels are/],
      [() => ({ xs: tf.eye(3), ys: [0, 1], weights: tf.ones([3]) }), /inputs .* and 2 labels/],
    ];
    await expectNoLeak(async () => {
      for (const [make, says] of wrong) {
        await expect(evaluate(model, stream(good(), make()))).rejects.toThrow(says);
      }
      const empty = [
        { xs: tf.zeros([0, 3]), ys: tf.tensor1d([], 'int32') },
        { xs: tf.zeros([0, 3]), ys: tf.zeros([0, 3]) },
        [tf.zeros([0, 3]), []],
      ];
      const weighted = { ...good(), weights: tf.ones([3]) };
      const { examples, top1 } = await evaluate(model, stream(...empty, good(), weighted));
      expect([examples, top1]).toEqual([6, 2 / 3]);
    });
    model.dispose();
  });

  test('a class that cannot be has a loss that JSON can hold', async () => {
    const model = passing(3);
    const x = tf.tensor2d([-Infinity, 0, 1, 1000, 0, -1000, 0, 1, 2], [3, 3]);
    const got = await evaluate(model, { x, y: [0, 2, 2] });
    expect(JSON.parse(JSON.stringify(got))).toEqual(got);
    const most = 2 ** 128 - 2 ** 104;
    expect(got.worst.map(({ index, loss }) => [index, loss])).toEqual([
      [0, most],
      [1, 2000],
    ]);
    expect(got.worst[0]?.labelProbability).toBe(0);
    expect(got.loss).toBeCloseTo(most / 3, -26);
    x.dispose();
    model.dispose();
  });

  test('labels do not wrap around to others', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [4, 4, 3], dataFormat: 'channelsLast' }),
      ],
    });
    const flat = passing(3);
    const x = tf.zeros([1, 3]);
    const source = await tensorSource({ data: new Uint8Array(48), shape: [1, 4, 4, 3] }, [0]);
    for (const label of [2 ** 32, -(2 ** 32), 2 ** 31, 1.5, NaN]) {
      const says = new RegExp(
        `^evaluate: .* is ${String(label)}; expected the number of a class, a whole number from 0`,
      );
      await expect(evaluate(flat, { x, y: [label] })).rejects.toThrow(says);
      const given = { ...source, label: () => label, classNames: ['a', 'b', 'c'] };
      await expect(evaluate(model, given)).rejects.toThrow(says);
      await expect(fineTune(model, given)).rejects.toThrow(
        new RegExp(`the label of ".*" is ${String(label)}; expected the number of a class`),
      );
    }
    const floats = tf.tensor1d([2 ** 32]);
    await expect(evaluate(flat, { x, y: floats })).rejects.toThrow(/label 0 is 4294967296; exp/);
    tf.dispose([x, floats]);
    model.dispose();
    flat.dispose();
  });

  test('progress, and stopping', async () => {
    const model = passing(2);
    const x = tf.zeros([5, 2]);
    const data = { x, y: [0, 1, 0, 1, 0] };
    const told: unknown[] = [];
    await evaluate(model, data, { batchSize: 2, onProgress: (...args) => told.push(args) });
    expect(told).toEqual([
      [2, 5],
      [4, 5],
      [5, 5],
    ]);
    const controller = new AbortController();
    await expectNoLeak(async () => {
      const stopped = evaluate(model, data, {
        batchSize: 2,
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('enough')),
      });
      await expect(stopped).rejects.toThrow('enough');
    });
    x.dispose();
    model.dispose();
  });

  test('of several outputs the last that tells classes', async () => {
    const input = tf.input({ shape: [2] });
    const first = tf.layers.activation({ activation: 'relu' }).apply(input) as tf.SymbolicTensor;
    const second = tf.layers.dense({ units: 2, useBias: false }).apply(input) as tf.SymbolicTensor;
    const image = tf.layers.reshape({ targetShape: [1, 2] }).apply(input) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: [first, second, image] });
    const kernel = tf.tensor2d([0, 1, 1, 0], [2, 2]);
    model.setWeights([kernel]);
    const x = tf.tensor2d([1, 0], [1, 2]);
    expect((await evaluate(model, { x, y: [1] })).top1).toBe(1);
    tf.dispose([x, kernel]);
    model.dispose();
  });

  test('what cannot be evaluated is refused, and nothing is left behind', async () => {
    const model = passing(3);
    const x = tf.zeros([2, 3]);
    const nan = tf.fill([2, 3], NaN);
    const dense = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] });
    const sigmoid = tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape: [3], activation: 'sigmoid' })],
    });
    await expectNoLeak(async () => {
      await expect(evaluate(model, { x: nan, y: [0, 1] })).rejects.toThrow(
        /no number \(NaN\) for example 0/,
      );
      await expect(evaluate(model, { x, y: [0, 3] })).rejects.toThrow(
        /the label of example 1 is 3; expected the number of a class, from 0 to 2/,
      );
      await expect(evaluate(model, { x, y: [0] })).rejects.toThrow(
        /x has 2 examples and y 1 labels/,
      );
      await expect(evaluate(dense, { x, y: [0, 0] })).rejects.toThrow(
        /the model is no classifier: it gives \[null, 1\]; expected \[null, classes\]/,
      );
      await expect(evaluate(sigmoid, { x, y: [0, 0] })).rejects.toThrow(/ends in a sigmoid/);
      await expect(evaluate(model, [] as never)).rejects.toThrow(
        /data are \[\]; expected pictures/,
      );
      const unbatched = tf.data.array([{ xs: [0, 0, 0], ys: 1 }]);
      await expect(evaluate(model, unbatched as never)).rejects.toThrow(
        /evaluate: the dataset gave/,
      );
      const options = { lables: [] } as never;
      await expect(evaluate(model, { x, y: [0, 0] }, options)).rejects.toThrow(
        /there is no option 'lables'/,
      );
    });
    tf.dispose([x, nan]);
    [model, dense, sigmoid].forEach((m) => void m.dispose());
  });
});
