/** What becomes of training when webgl loses its context, or webgpu its device. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  BackendLostError,
  createModel,
  memoryPeak,
  recoverableTraining,
  saveCheckpoint,
  trainingStep,
} from 'tfjs-revcol';
import { restartBackend } from '../../../src/ops/engine/lost_backend';
import { readsSettled } from '../../../src/ops/engine/reads_in_flight';
import { describeBackends, expectClose } from '../../support/backends';
import { normals, normalTensor, randomizeWeights } from '../../support/training_step';

interface Device {
  gpgpu?: { gl: WebGL2RenderingContext };
  device?: { destroy(): void; lost: Promise<unknown> };
}

/** Loses the device of the backend in use. */
async function lose(): Promise<void> {
  const { gpgpu, device } = tf.backend() as Device;
  gpgpu?.gl.getExtension('WEBGL_lose_context')?.loseContext();
  device?.destroy();
  await device?.lost;
}

const SIDE = 8;
const CLASSES = 3;

function makeModel(): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    columns: 2,
    channels: [4, 5],
    depths: [1, 1],
    patchSize: 2,
    inputShape: [SIDE, SIDE, 3],
    numClasses: CLASSES,
  });
  randomizeWeights(model.weights, 1);
  return model;
}

/** A step that depends on nothing but its number; resolves to the loss. */
async function step(
  model: tf.LayersModel,
  optimizer: tf.Optimizer,
  number: number,
): Promise<number> {
  const x = normalTensor([2, SIDE, SIDE, 3], 10 + number);
  const target = tf.tidy(() => tf.oneHot(tf.tensor1d([number % CLASSES, 1], 'int32'), CLASSES));
  try {
    const loss = trainingStep(
      model,
      optimizer,
      x,
      (logits) => tf.losses.softmaxCrossEntropy(target, logits) as tf.Scalar,
    );
    const [value] = await loss.data();
    loss.dispose();
    return value as number;
  } finally {
    tf.dispose([x, target]);
  }
}

const valuesOf = (model: tf.LayersModel) =>
  Promise.all(model.weights.map(async (w) => (await w.read().data()).slice()));

describeBackends(
  'a lost device',
  (backend) => {
    test('is an error of all that trains, reads and saves, and nothing waits for ever', async () => {
      const model = makeModel();
      const optimizer = new AdamW();
      await step(model, optimizer, 0);
      const x = normalTensor([2, SIDE, SIDE, 3], 1);
      const y = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1], 'int32'), CLASSES));
      model.compile({ optimizer, loss: 'categoricalCrossentropy' });
      await readsSettled();
      const weight = () => model.weights[0]?.read() as tf.Tensor;
      const early = tf.tidy(() => tf.add(weight(), 1));
      const read = early.data().then(
        () => 'values',
        (error: unknown) => error,
      );
      await lose();
      // Asked for before the loss, it came or it failed.
      const answer = await read;
      if (answer !== 'values') expect(answer).toBeInstanceOf(Error);
      await expect(step(model, optimizer, 1)).rejects.toThrow(BackendLostError);
      await expect(model.fit(x, y)).rejects.toThrow(BackendLostError);
      await expect(model.trainOnBatch(x, y)).rejects.toThrow(BackendLostError);
      expect(() => model.predict(x)).toThrow(BackendLostError);
      await expect(weight().data()).rejects.toThrow(BackendLostError);
      expect(() => weight().dataSync()).toThrow(BackendLostError);
      await expect(memoryPeak(() => 1)).rejects.toThrow(`backend '${backend}' has lost its device`);
      await expect(saveCheckpoint(model)).rejects.toThrow(BackendLostError);
      const nowhere = tf.io.withSaveHandler(() => Promise.reject(new Error('saved')));
      await expect(model.save(nowhere)).rejects.toThrow(BackendLostError);
      await restartBackend();
      // What was on the CPU is there still.
      expect([...(await x.data())]).toEqual([...normals(1, x.size)]);
      const fresh = makeModel();
      expect(await step(fresh, tf.train.sgd(0.1), 0)).toBeGreaterThan(0);
      fresh.dispose();
    });

    test.each<[string, () => tf.Optimizer]>([
      ['AdamW', () => new AdamW({ learningRate: 0.01 })],
      ["tfjs's Adam", () => tf.train.adam(0.01)],
    ])('training with %s goes on to where it had come without', async (_, makeOptimizer) => {
      const STEPS = 5;
      const straight = makeModel();
      const optimizer = makeOptimizer();
      for (let i = 0; i < STEPS; i++) await step(straight, optimizer, i);
      const expected = await valuesOf(straight);
      straight.dispose();

      const model = makeModel();
      const second = makeOptimizer();
      const taken: number[] = [];
      const recoveries: number[] = [];
      // Before a step, when nothing is kept but the beginning, and after one.
      const losses = new Set(['before 1', 'after 2']);
      const loseOnce = (when: string) => (losses.delete(when) ? lose() : undefined);
      await recoverableTraining(
        model,
        second,
        async (i) => {
          await loseOnce(`before ${i}`);
          await step(model, second, i);
          taken.push(i);
          await loseOnce(`after ${i}`);
        },
        {
          steps: STEPS,
          keepEvery: 2,
          onRecovery: (next, error) => {
            expect(error).toBeInstanceOf(BackendLostError);
            recoveries.push(next);
          },
        },
      );
      expect(recoveries).toEqual([0, 2]);
      expect(taken).toEqual([0, 0, 1, 2, 2, 3, 4]);
      const values = await valuesOf(model);
      values.forEach((v, i) => expectClose(v, expected[i] as tf.TypedArray, 1e-5));
      model.dispose();
    });

    test('gives up after maxRecoveries, and at once on other errors', async () => {
      const model = makeModel();
      const optimizer = new AdamW();
      const always = recoverableTraining(model, optimizer, lose, { steps: 3, maxRecoveries: 1 });
      await expect(always).rejects.toThrow('was lost 2 times, more than maxRecoveries 1');
      await restartBackend();
      const fresh = makeModel();
      let calls = 0;
      const failing = () => {
        calls++;
        throw new Error('no more data');
      };
      const run = recoverableTraining(fresh, new AdamW(), failing, { steps: 3 });
      await expect(run).rejects.toThrow('no more data');
      expect(calls).toBe(1);
      fresh.dispose();
    });
  },
  { only: ['webgl', 'webgpu'] },
);
