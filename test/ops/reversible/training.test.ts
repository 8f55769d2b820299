import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs } from 'tfjs-revcol';
import { withSeededRandom } from '../../../src/ops/engine/random';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  randomizeWeights,
  takeStep,
  weightValues,
} from '../../support/training_step';

type Backprop = 'reversible' | 'stored';
const MODES: Backprop[] = ['reversible', 'stored'];

function classifier(backprop: Backprop, args: RevColBackboneArgs = {}): tf.Sequential {
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [6, 6, 2],
        columns: 4,
        channels: [4, 6],
        depths: [1, 1],
        patchSize: 1,
        anchorEvery: 2,
        backprop,
        ...args,
      }),
      layers.revColHead({ units: 3 }),
    ],
  });
  randomizeWeights(model.weights, 11);
  return model;
}

function data() {
  const x = normalTensor([6, 6, 6, 2], 1) as tf.Tensor4D;
  const y = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'), 3));
  const lossOf = (model: tf.LayersModel) =>
    tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
  return { x, y, lossOf };
}

/** Weights after training in each mode must agree to this. */
const SAME = 1e-4;

function expectSameWeights(models: tf.LayersModel[]): void {
  const [a, b] = models.map((m) => m.getWeights()) as [tf.Tensor[], tf.Tensor[]];
  a.forEach((w, i) => expectClose(w, b[i] as tf.Tensor, SAME, `weight ${i}`));
}

describeBackends('training', () => {
  test('tf.variableGrads gives every used weight the gradient of stored mode', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const { lossOf } = data();
        const all = MODES.map((mode) => {
          const model = classifier(mode);
          const { value, grads } = tf.variableGrads(
            () => lossOf(model),
            model.trainableWeights.map((w) => w.read() as tf.Variable),
          );
          model.dispose();
          return { value, gradients: Object.values(grads) };
        });
        const [got, expected] = all as [(typeof all)[0], (typeof all)[0]];
        expectClose(got.value, expected.value, 1e-5);
        expect(got.gradients.length).toBe(expected.gradients.length);
        got.gradients.forEach((g, i) => expectClose(g, expected.gradients[i] as tf.Tensor, SAME));
      }),
    );
  });

  test('optimizer.minimize takes the steps of stored mode', async () => {
    await expectNoLeak(() =>
      tidyAll(() => {
        const { lossOf } = data();
        const models = MODES.map((mode) => {
          const model = classifier(mode);
          const optimizer = tf.train.sgd(0.01);
          const losses = [1, 2, 3].map(() => {
            const list = model.trainableWeights.map((w) => w.read() as tf.Variable);
            return optimizer.minimize(() => lossOf(model), true, list)?.dataSync()[0] as number;
          });
          expect(losses[2]).toBeLessThan(losses[0] as number);
          optimizer.dispose();
          return model;
        });
        expectSameWeights(models);
        models.forEach((m) => m.dispose());
      }),
    );
  });

  test('model.fit with stochastic depth takes the steps of stored mode and leaks nothing', async () => {
    const { x, y } = data();
    const models = MODES.map((mode) => classifier(mode, { dropPathRate: 0.5 }));
    for (const model of models) {
      model.compile({ optimizer: tf.train.sgd(0.01), loss: tf.losses.softmaxCrossEntropy });
      const original = Math.random;
      // The same drops in both modes; fit is asynchronous.
      Math.random = withSeededRandom(5, () => Math.random);
      try {
        const fit = () => model.fit(x, y, { epochs: 2, batchSize: 3, shuffle: false, verbose: 0 });
        const { history } = await fit();
        const losses = history.loss as number[];
        expect(losses.every(Number.isFinite)).toBe(true);
        const before = tf.memory().numTensors;
        await fit();
        expect(tf.memory().numTensors).toBe(before);
      } finally {
        Math.random = original;
      }
    }
    expectSameWeights(models);
    models.forEach((m) => m.dispose());
    tf.dispose([x, y]);
  });

  test('tf.grad gives the gradient to the image, alone', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const { x, y } = data();
        const [got, expected] = MODES.map((mode) => {
          const model = classifier(mode);
          const gradient = tf.grad((image: tf.Tensor) =>
            tf.losses.softmaxCrossEntropy(y, model.apply(image, { training: true }) as tf.Tensor),
          )(x);
          model.dispose();
          return gradient;
        }) as [tf.Tensor, tf.Tensor];
        expect(tf.norm(expected).dataSync()[0]).toBeGreaterThan(1e-3);
        expectClose(got, expected, SAME);
      }),
    );
  });

  test.each(['reversible', 'stored'] as const)(
    '%s: asking for second-order gradients is an error, and leaks nothing',
    async (backprop) => {
      const { x, lossOf, y } = data();
      const model = classifier(backprop);
      const before = weightValues(model.weights);
      await expectNoLeak(() => {
        const f = (image: tf.Tensor) => tf.sum(model.apply(image) as tf.Tensor);
        expect(() => tf.tidy(() => tf.grad((image) => tf.sum(tf.grad(f)(image)))(x))).toThrow(
          /second-order gradients are not supported; take first-order/,
        );
      });
      // And the next step is sound.
      const step = takeStep(() => lossOf(model), model.trainableWeights, x);
      expect(step.gradients.size).toBe(model.trainableWeights.length);
      expect([...weightValues(model.weights)]).toEqual([...before]);
      model.dispose();
      tf.dispose([x, y]);
    },
  );
});
