/** Losses of a device in Node; `test/browser/in_page` has those of webgl and webgpu. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  BackendLostError,
  layers,
  memoryPeak,
  recoverableTraining,
  trainingStep,
} from 'tfjs-revcol';
import { restartBackend } from '../../src/ops/engine/lost_backend';
import { describeBackends, expectClose } from '../support/backends';
import { loseDevice, useDeviceBackend } from '../support/device_backend';
import { normalTensor, randomizeWeights } from '../support/training_step';

function makeModel(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [4, 4, 2],
        columns: 2,
        channels: [3, 4],
        depths: [1, 1],
        patchSize: 1,
      }),
      layers.revColHead({ units: 2 }),
    ],
  });
  randomizeWeights(model.weights, 1);
  return model;
}

async function step(model: tf.LayersModel, optimizer: tf.Optimizer, number: number) {
  const x = normalTensor([2, 4, 4, 2], number);
  try {
    const loss = trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y)) as tf.Scalar);
    await loss.data();
    loss.dispose();
  } finally {
    x.dispose();
  }
}

const valuesOf = (model: tf.LayersModel) =>
  Promise.all(model.weights.map(async (w) => (await w.read().data()).slice()));

// cpu lends its kernels.
describeBackends(
  'training that recovers',
  () => {
    beforeEach(useDeviceBackend);

    test('a lost device is an error of steps, reads and measurements', async () => {
      const model = makeModel();
      const optimizer = new AdamW();
      await step(model, optimizer, 0);
      const read = (model.weights[0]?.read() as tf.Tensor).data();
      await read;
      await loseDevice();
      await expect(step(model, optimizer, 1)).rejects.toThrow(BackendLostError);
      await expect(valuesOf(model)).rejects.toThrow("backend 'device' has lost its device");
      await expect(memoryPeak(() => 1)).rejects.toThrow(BackendLostError);
      await restartBackend();
      const fresh = makeModel();
      await step(fresh, new AdamW(), 0);
      fresh.dispose();
    });

    test('goes on from what was kept, to the weights that it has without a loss', async () => {
      const STEPS = 6;
      const straight = makeModel();
      const first = new AdamW({ learningRate: 0.01 });
      const mean = tf.variable(tf.scalar(0));
      for (let i = 0; i < STEPS; i++) await step(straight, first, i);
      const expected = await valuesOf(straight);
      straight.dispose();
      first.dispose();

      const model = makeModel();
      const optimizer = new AdamW({ learningRate: 0.01 });
      const taken: number[] = [];
      const recovered: number[] = [];
      const losses = new Set([1, 4]);
      const run = () =>
        recoverableTraining(
          model,
          optimizer,
          async (i) => {
            if (losses.delete(i)) await loseDevice();
            await step(model, optimizer, i);
            tf.tidy(() => mean.assign(tf.add(mean, 1)));
            taken.push(i);
          },
          {
            ...{ steps: STEPS, keepEvery: 2, variables: [mean] },
            onRecovery: (next) => void recovered.push(next),
          },
        );
      await run();
      expect(recovered).toEqual([0, 4]);
      expect(taken).toEqual([0, 0, 1, 2, 3, 4, 5]);
      expect((await mean.data())[0]).toBe(STEPS);
      (await valuesOf(model)).forEach((v, i) =>
        expectClose(v, expected[i] as tf.TypedArray, 1e-6, model.weights[i]?.originalName),
      );
      // A recovery leaves no more behind than the copies that took the weights' place.
      // The counts that an optimizer gives are made when they are asked for.
      const tensors = async () => (await optimizer.getWeights()) && tf.memory().numTensors;
      const before = await tensors();
      losses.add(3);
      await run();
      expect(await tensors()).toBe(before);
      [model, optimizer, mean].forEach((x) => x.dispose());
    });

    test.each<[string, () => tf.Optimizer]>([
      ['sgd', () => tf.train.sgd(0.1)],
      ['momentum', () => tf.train.momentum(0.05, 0.9)],
      ['Nesterov momentum', () => tf.train.momentum(0.05, 0.9, true)],
      ['adagrad', () => tf.train.adagrad(0.1)],
      ['adadelta', () => tf.train.adadelta(0.5)],
      ['adam', () => tf.train.adam(0.01)],
      ['rmsprop', () => tf.train.rmsprop(0.01, 0.9, 0.5)],
    ])('goes on with %s of tfjs, and leaves nothing behind', async (_, make) => {
      const losses = new Set<number>();
      const taken: number[] = [];
      const start = () => {
        const dense = tf.layers.dense({ units: 2, inputShape: [4, 4, 2] });
        const model = tf.sequential({ layers: [dense] });
        randomizeWeights(model.weights, 1);
        const optimizer = make() as tf.Optimizer & { setLearningRate?(rate: number): void };
        const run = () =>
          recoverableTraining(
            model,
            optimizer,
            async (i) => {
              // A schedule that says what is new: the steps before need what was.
              if (i === 3) optimizer.setLearningRate?.(0.02);
              if (losses.delete(i)) await loseDevice();
              await step(model, optimizer, i);
              taken.push(i);
            },
            { steps: 5, keepEvery: 2 },
          );
        return { model, run };
      };
      const straight = start();
      await straight.run();
      const expected = await valuesOf(straight.model);
      straight.model.dispose();
      taken.length = 0;

      const { model, run } = start();
      losses.add(1).add(3);
      await run();
      expect(taken).toEqual([0, 0, 1, 2, 2, 3, 4]);
      (await valuesOf(model)).forEach((v, i) =>
        expectClose(v, expected[i] as tf.TypedArray, 1e-6, model.weights[i]?.originalName),
      );
      const before = tf.memory().numTensors;
      await run();
      expect(tf.memory().numTensors).toBe(before);
      losses.add(1).add(3);
      await run();
      expect(tf.memory().numTensors).toBe(before);
      model.dispose();
    });

    test('counts a loss while what was kept is put back, and goes on', async () => {
      const model = makeModel();
      const optimizer = tf.train.momentum(0.1, 0.9);
      const recovered: number[] = [];
      // How often the device is lost in setWeights, and in onRecovery.
      let [inSetting, inTelling] = [0, 0];
      const setWeights = optimizer.setWeights.bind(optimizer);
      optimizer.setWeights = async (values) => {
        await setWeights(values);
        if (inSetting-- <= 0) return;
        await loseDevice();
        throw new Error('no values');
      };
      const run = (maxRecoveries: number) =>
        recoverableTraining(
          model,
          optimizer,
          async (i) => {
            if (i === 1 && recovered.length === 0) await loseDevice();
            await step(model, optimizer, i);
          },
          {
            ...{ steps: 3, maxRecoveries },
            onRecovery: async (next) => {
              if (inTelling-- > 0) {
                await loseDevice();
                throw new Error('no page');
              }
              recovered.push(next);
            },
          },
        );
      [inSetting, inTelling] = [2, 1];
      await run(4);
      expect(recovered).toEqual([0]);
      expect((await valuesOf(model)).flatMap((v) => Array.from(v)).every(Number.isFinite)).toBe(
        true,
      );
      recovered.length = 0;
      [inSetting, inTelling] = [2, 1];
      await expect(run(3)).rejects.toThrow('was lost 4 times, more than maxRecoveries 3');
      await restartBackend();
    });

    test('a BackendLostError of one whose device lives is told as what it is', async () => {
      const model = makeModel();
      const own = () => Promise.reject(new BackendLostError('webgl'));
      const run = recoverableTraining(model, tf.train.sgd(0.1), own, { steps: 2 });
      await expect(run).rejects.toThrow("step 0 failed as if backend 'webgl' had lost its device");
      await expect(run).rejects.toHaveProperty('cause', expect.any(BackendLostError));
      model.dispose();
    });

    test.each([
      ['a number', 1, 'variables[0] is 1; expected a tf.Variable'],
      ['a tensor', () => tf.scalar(1), 'variables[0] is a tensor of shape []; expected'],
      [
        'a disposed variable',
        () => {
          const variable = tf.variable(tf.scalar(1));
          variable.dispose();
          return variable;
        },
        'that is not disposed',
      ],
    ])('refuses %s among the variables before any step', async (_, given, message) => {
      const model = makeModel();
      const variables = [typeof given === 'function' ? given() : given] as tf.Variable[];
      const never = () => Promise.reject(new Error('a step'));
      const options = { steps: 2, variables };
      const run = recoverableTraining(model, tf.train.sgd(0.1), never, options);
      await expect(run).rejects.toThrow(message);
      model.dispose();
    });

    test('passes other errors on, and gives up after maxRecoveries', async () => {
      const model = makeModel();
      const optimizer = new AdamW();
      const broken = () => Promise.reject(new Error('no more data'));
      const failing = recoverableTraining(model, optimizer, broken, { steps: 2 });
      await expect(failing).rejects.toThrow('no more data');
      const options = { steps: 2, maxRecoveries: 1 };
      const losing = recoverableTraining(model, optimizer, loseDevice, options);
      await expect(losing).rejects.toThrow('was lost 2 times, more than maxRecoveries 1');
      await restartBackend();
    });

    test.each([
      [{ steps: 0 }, 'steps'],
      [{ steps: 2, keepEvery: 0 }, 'keepEvery'],
      [{ steps: 2, firstStep: -1 }, 'firstStep'],
      [{ steps: 2, maxRecoveries: 0.5 }, 'maxRecoveries'],
    ])('refuses %j before any step', async (options, name) => {
      const model = makeModel();
      const never = () => Promise.reject(new Error('a step'));
      const run = recoverableTraining(model, new AdamW(), never, options);
      await expect(run).rejects.toThrow(`recoverableTraining: ${name}`);
      model.dispose();
    });
  },
  { only: ['cpu'] },
);
