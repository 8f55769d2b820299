/** AdamW with 8-bit moments as users see it: which weights have them, saving, memory, refusal. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
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

    test('goes on exactly when saved and loaded', async () => {
      const first = compiled(make());
      await train(first, 3);
      const loaded = await reloaded(first);
      expect(loaded.optimizer.getConfig()).toEqual(first.optimizer.getConfig());
      expect(await train(loaded, 3)).toEqual(await train(first, 3));
      free(loaded);
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
  { only: ['wasm'] },
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
            `backend '${backend}' does not have; only wasm has. Here Adafactor`,
          );
          optimizer.dispose();
        }
      });
      expect([...w.dataSync()]).toEqual([1, 1, 1]);
      w.dispose();
    });
  },
  { except: ['wasm'] },
);

test('other moments than those there are make no sense', () => {
  expect(() => new AdamW({ moments: '4bit' as never })).toThrow('expected one of');
});
