/** The parts of `fineTune`: dividing examples, their order, heads, amounts of bytes. */
import * as tf from '@tensorflow/tfjs';

import { parseBytes } from '../../src/common/bytes';
import { Sampler } from '../../src/finetune/base/sampler';
import { stratifiedSplit, usualShare } from '../../src/finetune/base/split';
import { headOf, requireExclusive, withNewHead } from '../../src/finetune/classifier/head';
import { isBetter, isExhausted } from '../../src/finetune/run/early_stopping';
import { expectNoLeak } from '../support/backends';
import { stockModel, tinyModel } from './support';

beforeAll(() => tf.setBackend('cpu'));

describe('the split', () => {
  const labels = Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 0 : i % 3 === 0 ? 1 : 2));

  test('takes the same share of every class, each example once', () => {
    const { training, validation } = stratifiedSplit(labels, 0.2, 7);
    expect([...training, ...validation].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
    for (const label of [0, 1, 2]) {
      const count = labels.filter((l) => l === label).length;
      const kept = validation.filter((i) => labels[i] === label).length;
      expect(kept).toBe(Math.round(0.2 * count));
    }
  });

  test('depends on the seed alone', () => {
    expect(stratifiedSplit(labels, 0.2, 7)).toEqual(stratifiedSplit(labels, 0.2, 7));
    expect(stratifiedSplit(labels, 0.2, 8)).not.toEqual(stratifiedSplit(labels, 0.2, 7));
  });

  test('leaves every class something to learn from, and looks at every class', () => {
    const few = [0, 0, 0, 1, 1, 2];
    const { training, validation } = stratifiedSplit(few, 0.9, 1);
    expect(new Set(training.map((i) => few[i]))).toEqual(new Set([0, 1, 2]));
    expect(new Set(validation.map((i) => few[i]))).toEqual(new Set([0, 1]));
    expect(stratifiedSplit(few, 0, 1).validation).toEqual([]);
  });

  test('keeps fewer of more', () => {
    expect([100, 2000, 100_000].map((n) => n * usualShare(n))).toEqual([20, 200, 5000]);
  });
});

describe('the order of examples', () => {
  const examples = Array.from({ length: 50 }, (_, i) => 3 * i);

  test('has every example once in an epoch, in another order in the next', () => {
    const sampler = new Sampler(examples, 8, 5);
    expect(sampler.steps).toBe(6);
    const [first, second] = [sampler.order(0, 0), sampler.order(1, 0)];
    // 50 = 6 * 8 + 2: the last two are too few for a step.
    expect(new Set(first).size).toBe(48);
    expect(examples).toEqual(expect.arrayContaining([...first]));
    expect(second).not.toEqual(first);
  });

  test('begins where it is told', () => {
    const sampler = new Sampler(examples, 8, 5);
    expect(sampler.order(3, 4)).toEqual(sampler.order(3, 0).slice(32));
  });

  test('a set smaller than a batch is one step', () => {
    expect(new Sampler(examples.slice(0, 3), 8, 5).steps).toBe(1);
    expect(new Sampler(examples.slice(0, 3), 8, 5).order(0, 0)).toHaveLength(3);
    expect(new Sampler(examples.slice(0, 12), 8, 5).steps).toBe(2);
  });
});

describe('the head', () => {
  test('of published models, and whether there is a softmax', () => {
    const [own, stock] = [tinyModel(3), stockModel(4)];
    expect(headOf('test', own)).toMatchObject({ classes: 3, givesProbabilities: false });
    expect(headOf('test', stock)).toMatchObject({ classes: 4, givesProbabilities: true });
    own.dispose();
    stock.dispose();
  });

  test('a convolution, softmax and reshape, as MobileNet ends: shared below, its own above', async () => {
    await expectNoLeak(() => {
      const input = tf.input({ shape: [4, 4, 3] });
      const body = tf.layers.conv2d({ filters: 5, kernelSize: 4 }).apply(input);
      const dense = tf.layers.conv2d({ filters: 7, kernelSize: 1 }).apply(body);
      const soft = tf.layers.activation({ activation: 'softmax' }).apply(dense);
      const output = tf.layers.reshape({ targetShape: [7] }).apply(soft) as tf.SymbolicTensor;
      const model = tf.model({ inputs: input, outputs: output });
      const head = headOf('test', model);
      expect(head).toMatchObject({ classes: 7, givesProbabilities: true });
      const renewed = withNewHead('test', model, head, 2, 1);
      expect(renewed.outputs[0]?.shape).toEqual([null, 2]);
      expect(headOf('test', renewed).givesProbabilities).toBe(true);
      expect(renewed.weights.slice(0, 2)).toEqual(model.weights.slice(0, 2));
      model.dispose();
      const y = tf.tidy(() => (renewed.predict(tf.zeros([1, 4, 4, 3])) as tf.Tensor).dataSync());
      expect(y[0]).toBeCloseTo(0.5, 5);
      renewed.dispose();
    });
  });

  test('a model inside of the model, disposed of in either order', async () => {
    for (const first of [0, 1]) {
      await expectNoLeak(() => {
        const inner = tf.sequential({
          layers: [tf.layers.dense({ units: 3, inputShape: [2], activation: 'relu' })],
        });
        const input = tf.input({ shape: [2] });
        const features = inner.apply(input) as tf.SymbolicTensor;
        const output = tf.layers.dense({ units: 5 }).apply(features) as tf.SymbolicTensor;
        const model = tf.model({ inputs: input, outputs: output });
        const renewed = withNewHead('test', model, headOf('test', model), 2, 1);
        const models = first === 0 ? [model, renewed] : [renewed, model];
        models[0]?.dispose();
        const y = tf.tidy(() => (models[1]?.predict(tf.ones([1, 2])) as tf.Tensor).dataSync());
        expect(y).toHaveLength(first === 0 ? 2 : 5);
        models[1]?.dispose();
      });
    }
  });

  test('a layer that is applied below the head, too, stays there', () => {
    for (const isNested of [false, true]) {
      const input = tf.input({ shape: [3] });
      const dense = tf.layers.dense({ units: 3, name: 'twice' });
      const relu = tf.layers.reLU({ name: 'too' });
      const once = () => relu.apply(dense.apply(input)) as tf.SymbolicTensor;
      const inner = isNested ? tf.model({ inputs: input, outputs: once() }) : undefined;
      const outer = tf.input({ shape: [3] });
      const below = inner ? inner.apply(outer) : once();
      const output = relu.apply(dense.apply(below)) as tf.SymbolicTensor;
      const model = tf.model({ inputs: inner ? outer : input, outputs: output });
      const renewed = withNewHead('test', model, headOf('test', model), 5, 1);
      const [first, second] = headOf('test', renewed).layers;
      expect([first?.name, second?.name]).toEqual(['twice_1', 'too_1']);
      const kernels = [dense.getWeights()[0], first?.getWeights()[0]] as tf.Tensor[];
      expect(kernels.map(({ shape }) => shape)).toEqual([
        [3, 3],
        [3, 5],
      ]);
      tf.tidy(() => {
        const x = tf.tensor2d([1, -2, 3], [1, 3]);
        const [kernel, own] = kernels as [tf.Tensor2D, tf.Tensor2D];
        const features = tf.relu(tf.matMul(x, kernel)) as tf.Tensor2D;
        const expected = tf.relu(tf.matMul(features, own)).dataSync();
        expect((renewed.predict(x) as tf.Tensor).dataSync()).toEqual(expected);
      });
    }
  });

  test('one that cannot be made leaves nothing behind', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 6, inputShape: [2] }),
        tf.layers.reshape({ targetShape: [2, 3] }),
        tf.layers.flatten(),
      ],
    });
    const dense = tf.sequential({
      layers: [
        tf.layers.conv1d({ filters: 4, kernelSize: 1, inputShape: [2, 3] }),
        tf.layers.flatten(),
      ],
    });
    await expectNoLeak(() => {
      expect(() => withNewHead('test', model, headOf('test', model), 5, 1)).toThrow();
      expect(() => withNewHead('test', dense, headOf('test', dense), 5, 1)).toThrow(
        /the last layers of .* give \[null, 10\] when .* is made for 5 classes/,
      );
    });
    model.dispose();
    dense.dispose();
  });

  test('what is none', () => {
    const input = tf.input({ shape: [2] });
    const dense = tf.layers.dense({ units: 2, activation: 'sigmoid' });
    const output = dense.apply(input) as tf.SymbolicTensor;
    const other = tf.layers.dense({ units: 2 }).apply(input) as tf.SymbolicTensor;
    const two = tf.model({ inputs: input, outputs: [output, other] });
    expect(() => headOf('test', two)).toThrow(/has 2 outputs; expected one/);
    const one = tf.model({ inputs: input, outputs: output });
    expect(() => requireExclusive('test', one, headOf('test', one))).toThrow(/ends in a sigmoid/);
    const flat = tf.model({
      inputs: input,
      outputs: tf.layers.add().apply([input, input]) as tf.SymbolicTensor,
    });
    expect(() => headOf('test', flat)).toThrow(
      /ends in Add, .*Expected a model that ends in one such/,
    );
    one.dispose();
  });
});

test('amounts of bytes', () => {
  const parsed = [1000, '2GB', '512 MiB', '1.5 kB', '7'].map((x) =>
    parseBytes('test', 'memory', x),
  );
  expect(parsed).toEqual([1000, 2e9, 2 ** 29, 1500, 7]);
  for (const wrong of ['2 XB', 'GB', '', '-1GB', '0', 0, -5, NaN, null, undefined, {}]) {
    expect(() => parseBytes('test', 'memory', wrong)).toThrow(/^test: memory is .*; expected/);
  }
});

test('the best epoch, and when waiting ends', () => {
  const score = (accuracy: number, loss: number) => ({ accuracy, loss });
  expect(isBetter(score(0.5, 9), null)).toBe(true);
  expect(isBetter(score(0.6, 9), score(0.5, 1))).toBe(true);
  expect(isBetter(score(0.5, 0.9), score(0.5, 1))).toBe(true);
  expect(isBetter(score(0.5, 1), score(0.5, 1))).toBe(false);
  expect(isBetter(score(0.5, 0.99999), score(0.5, 1))).toBe(false);
  const best = { ...score(0.5, 1), epoch: 4, step: 40 };
  expect([5, 6, 7].map((epoch) => isExhausted(best, epoch, 3, 1))).toEqual([false, false, true]);
  // Waiting begins where everything is trained.
  expect([7, 8, 9].map((epoch) => isExhausted(best, epoch, 3, 7))).toEqual([false, false, true]);
  expect(isExhausted(best, 100, null, 1)).toBe(false);
});
