/** Draws that follow a seed and the number of the step, and the order of examples. */
import * as tf from '@tensorflow/tfjs';

import {
  accumulatedStep,
  AdamW,
  epochOrder,
  layers,
  seedTraining,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectClose, givesSameBits } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

/** Every layer of tfjs that draws in training, and stochastic depth. */
function makeModel(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({
        ...{ inputShape: [2, 2, 2], columns: 2, channels: [3, 4], depths: [1, 1], patchSize: 1 },
        dropPathRate: 0.5,
      }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.gaussianNoise({ stddev: 0.1 }),
      tf.layers.gaussianDropout({ rate: 0.2 }),
      tf.layers.alphaDropout({ rate: 0.2 }),
      tf.layers.reshape({ targetShape: [2, 2] }),
      tf.layers.lstm({ units: 3, dropout: 0.3, recurrentDropout: 0.3 }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  randomizeWeights(model.weights, 1);
  return model;
}

const valuesOf = async (model: tf.LayersModel) =>
  JSON.stringify(await Promise.all(model.weights.map(async (w) => [...(await w.read().data())])));

describeBackends('draws of training', (backend) => {
  const STEPS = 3;

  /** Weights after some steps of `fit`, in one call or in several. */
  async function fitted(calls: readonly number[], seed: number | null, fused: boolean) {
    const model = makeModel();
    const optimizer = new AdamW({ fused });
    if (seed !== null) seedTraining(optimizer, seed);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const [x, y] = [normalTensor([2, 2, 2, 2], 1), normalTensor([2, 1], 2)];
    for (const epochs of calls) {
      await model.fit(x, y, { epochs, shuffle: false, verbose: 0 });
      // What others draw meanwhile makes no difference.
      Math.random();
    }
    const values = await valuesOf(model);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
    return values;
  }

  test.each([false, true])('fit draws by seed and step, fused %s', async (fused) => {
    const whole = await fitted([STEPS], 7, fused);
    const inTwo = await fitted([1, STEPS - 1], 7, fused);
    const other = await fitted([STEPS], 8, fused);
    if (givesSameBits(backend)) {
      expect(inTwo).toBe(whole);
      expect(other).not.toBe(whole);
    } else {
      const numbers = (json: string) => (JSON.parse(json) as number[][]).flat();
      expectClose(numbers(inTwo), numbers(whole), 1e-5);
      expect(() => expectClose(numbers(other), numbers(whole), 1e-5)).toThrow('relative error');
    }
    expect(await fitted([STEPS], null, fused)).not.toBe(await fitted([STEPS], null, fused));
  });

  test('steps differ from each other, until the seed is taken away', () => {
    const optimizer = tf.train.sgd(0.1);
    const variable = tf.variable(tf.scalar(1));
    const drawn: number[] = [];
    const step = () =>
      optimizer.minimize(() => {
        drawn.push(Math.random());
        return tf.mul(variable, 1) as tf.Scalar;
      });
    seedTraining(optimizer, 1);
    for (let i = 0; i < 3; i++) step();
    seedTraining(optimizer, 2);
    optimizer.computeGradients(() => {
      drawn.push(Math.random());
      return tf.mul(variable, 1) as tf.Scalar;
    });
    seedTraining(optimizer, null);
    step();
    step();
    expect(new Set(drawn).size).toBe(6);
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.25);
    step();
    expect(drawn.at(-1)).toBe(0.25);
    random.mockRestore();
    tf.dispose(variable);
    optimizer.dispose();
  });

  test('a seed of a step goes before that of the optimizer, and parts draw their own', () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    const optimizer = tf.train.sgd(0.1);
    const drawn: number[] = [];
    const loss = (y: tf.Tensor) => {
      drawn.push(Math.random());
      return tf.mean(y) as tf.Scalar;
    };
    const x = tf.ones([4, 1]);
    const steps = () =>
      tf.tidy(() => {
        trainingStep(model, optimizer, x, loss, { seed: [1, 5] });
        trainingStep(model, optimizer, x, loss, { seed: [1, 6] });
        trainingStep(model, optimizer, x, loss, { seed: [2, 5, 1] });
        const options = { microBatch: 2, seed: [1, 5] as const };
        accumulatedStep(model, optimizer, x, x, loss, options);
      });
    steps();
    const first = drawn.splice(0);
    expect(new Set(first).size).toBe(5);
    seedTraining(optimizer, 3);
    steps();
    expect(drawn).toEqual(first);
    x.dispose();
    optimizer.dispose();
    model.dispose();
  });
});

describe('the order of an epoch', () => {
  test.each([0, 1, 2, 7, 1000])('has each of %d examples once', (length) => {
    const order = epochOrder(1, 2, length);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
  });

  test('is another for each epoch and seed, and the same whenever asked for', () => {
    const text = (seed: number, epoch: number) => epochOrder(seed, epoch, 50).join();
    const all = [0, 1, 2, 2 ** 31, 2 ** 33].flatMap((seed) => [0, 1, 2].map((e) => text(seed, e)));
    expect(new Set(all).size).toBe(all.length);
    expect(text(1, 2)).toBe(all[5]);
  });

  test('puts every example into every place about as often', () => {
    const [LENGTH, EPOCHS] = [5, 4000];
    const counts = Array.from({ length: LENGTH }, () => new Array<number>(LENGTH).fill(0));
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      epochOrder(3, epoch, LENGTH).forEach((example, place) => {
        const row = counts[place] as number[];
        row[example] = (row[example] as number) + 1;
      });
    }
    const expected = EPOCHS / LENGTH;
    // Chi squared with 16 degrees of freedom: 39.3 is the 0.1 % quantile.
    const chi = counts.flat().reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(39.3);
  });
});
