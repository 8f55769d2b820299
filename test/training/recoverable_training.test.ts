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
