/** AdamW with 8-bit moments as users see it: which weights have them, saving, memory, refusal. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak, useBackend } from '../support/backends';
import { countKernels, failAtKernel } from '../support/failing_kernels';
import { normalTensor } from '../support/training_step';
import { free, freeModels, own, valuesOf } from './support/adamw_models';
import { reloaded } from './support/reloaded';

const WIDTH = 80;

function model(): tf.LayersModel {
  const made = own(
    tf.sequential({
      layers: [
        tf.layers.dense({ name: 'a', units: WIDTH, inputShape: [WIDTH], activation: 'tanh' }),
        tf.layers.dense({ name: 'b', units: 3 }),
      ],
    }),
  );
  made.weights.forEach((w, i) => {
    tf.tidy(() => void w.write(normalTensor(w.shape as number[], i + 1)));
  });
  return made;
}

async function train(m: tf.LayersModel, steps: number): Promise<number[][]> {
  const [x, y] = [normalTensor([4, WIDTH], 5), normalTensor([4, 3], 6)];
  for (let i = 0; i < steps; i++) await m.trainOnBatch(x, y);
  tf.dispose([x, y]);
  return valuesOf(m);
}

const compiled = (optimizer: tf.Optimizer) => {
  const made = model();
  made.compile({ optimizer, loss: 'meanSquaredError' });
  return made;
};

describeBackends(
  'AdamW with 8-bit moments',
  () => {
    afterEach(freeModels);
    const make = (fused = false) =>
      new AdamW({ learningRate: 0.01, weightDecay: 0.1, moments: '8bit', fused });

    test('keeps bytes for large weights, float32 for small ones and embeddings', async () => {
      const optimizer = make();
      const shapes: [string, number[]][] = [
        ['x/kernel', [64, 64]],
        ['small/kernel', [63, 65]],
        ['words/embeddings', [100, 50]],
        ['words/position_embeddings_1', [100, 50]],
      ];
      const before = tf.memory().numBytes;
      const variables = shapes.map(([name, shape]) =>
        tf.tidy(() => tf.variable(tf.ones(shape), true, name)),
      );
      const weights = tf.memory().numBytes - before;
      tf.tidy(() =>
        optimizer.applyGradients(Object.fromEntries(shapes.map(([name, s]) => [name, tf.ones(s)]))),
      );
      const moments = tf.memory().numBytes - before - weights;
      expect(moments).toBe(2 * (4096 + 4 * 16) + 8 * (63 * 65 + 2 * 5000));
      const names = (await optimizer.getWeights()).map(({ name }) => name);
      expect(names.filter((name) => name.startsWith('x/'))).toEqual(
        ['m8', 'mScale', 'v8', 'vScale'].map((suffix) => `x/kernel/${suffix}`),
      );
      expect(names).toContain('small/kernel/m');
      expect(names).toContain('words/position_embeddings_1/v');
      optimizer.dispose();
      tf.dispose(variables);
    });

    test('fused steps are the same to the bit', async () => {
      await expectNoLeak(async () => {
        const [plain, fused] = [compiled(make()), compiled(make(true))];
        expect(await train(fused, 4)).toEqual(await train(plain, 4));
        free(plain);
        free(fused);
      });
    });

    test('goes on from float32 moments exactly; float32 moments do not go on from bytes', async () => {
      const [bytes, floats] = [compiled(make()), compiled(new AdamW({ learningRate: 0.01 }))];
      const twin = compiled(new AdamW({ learningRate: 0.01, moments: '8bit' }));
      await train(floats, 2);
      await train(bytes, 1);
      twin.setWeights(floats.getWeights());
      await twin.optimizer.setWeights(await floats.optimizer.getWeights());
      expect(await train(twin, 2)).toEqual(await train(floats, 2));
      await expect(floats.optimizer.setWeights(await bytes.optimizer.getWeights())).rejects.toThrow(
        /m8' is not the state of an AdamW; expected 'iter', '...\/m', '...\/v'.*other options/,
      );
    });

    test('who has read or copied the state does not see it change', async () => {
      const trained = compiled(make());
      await train(trained, 2);
      const state = (await trained.optimizer.getWeights()).filter(({ name }) =>
        /\/(m8|mScale|v8|vScale)$/.test(name),
      );
      expect(state.length).toBe(4);
      const copies = state.map(({ tensor }) => tf.clone(tensor));
      const read = state.map(({ tensor }) => tensor.dataSync());
      const before = read.map((values) => [...values]);
      const numbers = () => state.map(({ tensor }) => [...tensor.dataSync()]);
      await train(trained, 1);
      numbers().forEach((now, i) => expect(now).not.toEqual(before[i]));
      expect(read.map((values) => [...values])).toEqual(before);
      expect(copies.map((copy) => [...copy.dataSync()])).toEqual(before);
      tf.dispose(copies);
    });

    test('a weight and its bytes change together or not at all, whichever kernel fails', async () => {
      await expectNoLeak(async () => {
        const start = normalTensor([64, 64], 1);
        /** The weight and the state after a step, and after another one, whose n-th kernel fails. */
        const stepTwice = async (n?: number) => {
          const w = tf.tidy(() => tf.variable(tf.clone(start), true, 'w/kernel'));
          const optimizer = make(true);
          const step = () =>
            void optimizer.minimize(() => tf.sum(tf.square(w)) as tf.Scalar, false, [w]);
          const values = async () => {
            const slots = (await optimizer.getWeights()).filter(({ name }) => /8|Scale/.test(name));
            return String([w, ...slots.map(({ tensor }) => tensor)].map((t) => t.dataSync()));
          };
          step();
          const before = await values();
          let kernels = 0;
          if (n === undefined) kernels = countKernels(step);
          else failAtKernel(n, step);
          const after = await values();
          optimizer.dispose();
          w.dispose();
          return { before, after, kernels };
        };
        const whole = await stepTwice();
        expect(whole.after).not.toBe(whole.before);
        for (let n = 1; n <= whole.kernels; n++) {
          const { before, after } = await stepTwice(n);
          expect(before).toBe(whole.before);
          expect(after).toBe(whole.before);
        }
        start.dispose();
      });
    });

    test('goes on after operations have read the state', async () => {
      const [trained, twin] = [compiled(make()), compiled(make())];
      await train(trained, 2);
      await train(twin, 2);
      for (const { tensor } of await trained.optimizer.getWeights()) {
        tf.tidy(() => tf.concat([tf.reshape(tensor, [-1]), tf.reshape(tensor, [-1])]));
      }
      expect(await train(trained, 2)).toEqual(await train(twin, 2));
    });

    test('who shares the data of a weight does not see it change', () => {
      const optimizer = make();
      tf.tidy(() => {
        const w = tf.variable(tf.ones([64, 64]), true, 'shared/kernel');
        const view = tf.reshape(w, [4096]);
        optimizer.applyGradients({ [w.name]: tf.ones([64, 64]) });
        expect(view.dataSync().every((x) => x === 1)).toBe(true);
        expect(w.dataSync().every((x) => x < 1)).toBe(true);
        w.dispose();
      });
      optimizer.dispose();
    });
  },
  { only: ['wasm', 'tensorflow'] },
);

describeBackends(
  'AdamW with 8-bit moments',
  () => {
    afterEach(freeModels);

    test('goes on exactly when saved and loaded', async () => {
      const first = compiled(new AdamW({ learningRate: 0.01, weightDecay: 0.1, moments: '8bit' }));
      await train(first, 3);
      const loaded = await reloaded(first);
      expect(loaded.optimizer.getConfig()).toEqual(first.optimizer.getConfig());
      expect(await train(loaded, 3)).toEqual(await train(first, 3));
      free(loaded);
    });
  },
  // tfjs-node refuses arrays of Jest's realm, which loading makes.
  { only: ['wasm'] },
);

describeBackends(
  'AdamW with 8-bit moments',
  (backend) => {
    afterEach(freeModels);

    test('goes on on another backend with the state that it has there', async () => {
      for (const [from, to] of [
        ['wasm', backend],
        [backend, 'wasm'],
      ] as const) {
        await useBackend(from);
        const first = compiled(new AdamW({ learningRate: 0.01, moments: '8bit' }));
        await train(first, 3);
        const weights = first
          .getWeights()
          .map((w) => ({ shape: w.shape, values: w.dataSync().slice() }));
        const state = (await first.optimizer.getWeights()).map(({ name, tensor }) => ({
          name,
          shape: tensor.shape,
          dtype: tensor.dtype,
          values: tensor.dataSync().slice(),
        }));
        expect(state.filter(({ dtype }) => dtype === 'bool').length).toBe(2);
        const expected = await train(first, 1);
        free(first);

        await useBackend(to);
        const second = compiled(new AdamW({ learningRate: 0.01, moments: '8bit' }));
        const values = weights.map((w) => tf.tensor(w.values, w.shape));
        second.setWeights(values);
        const tensors = state.map((s) => ({
          name: s.name,
          tensor: tf.tensor(s.values, s.shape, s.dtype),
        }));
        await second.optimizer.setWeights(tensors);
        tf.dispose([...values, ...tensors.map(({ tensor }) => tensor)]);
        for (const [i, { tensor }] of (await second.optimizer.getWeights()).entries()) {
          expect([...tensor.dataSync()]).toEqual([...(state[i]?.values ?? [])]);
        }
        // One step: in later ones roundings of weights may tip a moment to the next code.
        const got = await train(second, 1);
        got.forEach((w, i) => expectClose(w, expected[i] as number[], 1e-4));
        free(second);
      }
    });
  },
  { only: ['tensorflow'] },
);

describeBackends(
  'AdamW with 8-bit moments',
  (backend) => {
    test('is refused where the backend has no kernel, before anything changes', async () => {
      const w = tf.tidy(() => tf.variable(tf.ones([3]), true));
      await expectNoLeak(() => {
        for (const fused of [false, true]) {
          const optimizer = new AdamW({ moments: '8bit', fused });
          const loss = () => tf.sum(tf.square(w)) as tf.Scalar;
          expect(() => tf.tidy(() => void optimizer.minimize(loss, false, [w]))).toThrow(
            `backend '${backend}' does not have; only wasm and tensorflow have. Here Adafactor`,
          );
          optimizer.dispose();
        }
      });
      expect([...w.dataSync()]).toEqual([1, 1, 1]);
      w.dispose();
    });
  },
  { except: ['wasm', 'tensorflow'] },
);

test('other moments than those there are make no sense', () => {
  expect(() => new AdamW({ moments: '4bit' as never })).toThrow('expected one of');
});
