/** Programs of a training step on webgl, compiled before the first one. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, createModel, trainingStep, warmUp } from 'tfjs-revcol';
import { readsSettled } from '../../../src/ops/reversible/late_reads';
import { describeBackends, expectNoLeak, relativeError } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

const loss = (y: tf.Tensor) => tf.mean(tf.square(y)) as tf.Scalar;

/** Sizes of their own for each test, whose programs no other has compiled. */
function makeModel(channels: number): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    columns: 2,
    channels: [channels, 2 * channels],
    depths: [1, 1],
    inputShape: [16, 16, 3],
    numClasses: 5,
    dropPathRate: 0.2,
  });
  randomizeWeights(model.weights, 1);
  return model;
}

const compiled = (): number =>
  Object.keys((tf.backend() as unknown as { binaryCache: object }).binaryCache).length;

const valuesOf = async (model: tf.LayersModel): Promise<number[]> => {
  const all = await Promise.all(model.getWeights().map((weight) => weight.data()));
  return all.flatMap((values) => [...values]);
};

/** Weights after two steps. */
async function trained(
  channels: number,
  optimizer: tf.Optimizer,
  isWarm: boolean,
): Promise<{ weights: number[]; compiledInSteps: number; warmed: number }> {
  const model = makeModel(channels);
  const x = normalTensor([2, 16, 16, 3], 3);
  try {
    const warmed = isWarm ? await warmUp(model, optimizer, x, loss) : 0;
    const before = compiled();
    for (let step = 0; step < 2; step++) {
      const value = trainingStep(model, optimizer, x, loss, { seed: [1, step] });
      await value.data();
      // Which anchors the next step keeps depends on whether alphas have come back by then.
      await readsSettled();
      value.dispose();
    }
    const compiledInSteps = compiled() - before;
    return { weights: await valuesOf(model), compiledInSteps, warmed };
  } finally {
    x.dispose();
    optimizer.dispose();
    model.dispose();
  }
}

describeBackends(
  'warmUp',
  () => {
    test.each([
      ['AdamW', 6, () => new AdamW({ learningRate: 0.01 })],
      ['a fused AdamW', 10, () => new AdamW({ learningRate: 0.01, fused: true })],
      ["tfjs's Adam", 14, () => tf.train.adam(0.01)],
    ] as const)('compiles what %s will run, and changes nothing', async (_, channels, make) => {
      await expectNoLeak(async () => {
        const warm = await trained(channels, make(), true);
        expect(warm.warmed).toBeGreaterThan(20);
        // What depends on where weights are before the first step: some are still on the CPU.
        expect(warm.compiledInSteps).toBeLessThan(warm.warmed / 5);
        const cold = await trained(channels, make(), false);
        expect(relativeError(warm.weights, cold.weights)).toBe(0);
      });
    });

    test('leaves everything as it was where the loss throws', async () => {
      const model = makeModel(18);
      const [x, optimizer] = [normalTensor([2, 16, 16, 3], 3), new AdamW()];
      const before = await valuesOf(model);
      await expectNoLeak(async () => {
        const failing = () => {
          throw new Error('no loss today');
        };
        await expect(warmUp(model, optimizer, x, failing)).rejects.toThrow('no loss today');
      });
      expect(tf.env().getBool('ENGINE_COMPILE_ONLY')).toBe(false);
      expect(await valuesOf(model)).toEqual(before);
      optimizer.dispose();
      tf.dispose(x);
      model.dispose();
    });

    test('what did not compile is compiled anew when it is needed', async () => {
      const backend = tf.backend() as unknown as {
        checkCompileCompletionAsync(): Promise<boolean[]>;
      };
      backend.checkCompileCompletionAsync = () =>
        Promise.reject(new Error('Failed to compile fragment shader.'));
      const model = makeModel(22);
      const [x, optimizer] = [normalTensor([2, 16, 16, 3], 3), new AdamW()];
      const before = compiled();
      const failing = () => {
        throw new Error('no loss today');
      };
      await expect(warmUp(model, optimizer, x, loss)).rejects.toThrow('Failed to compile');
      expect(compiled()).toBe(before);
      await expect(warmUp(model, optimizer, x, failing)).rejects.toThrow('no loss today');
      expect(compiled()).toBe(before);
      Reflect.deleteProperty(backend, 'checkCompileCompletionAsync');
      optimizer.dispose();
      tf.dispose(x);
      model.dispose();
      const { weights, compiledInSteps } = await trained(22, new AdamW(), false);
      expect(compiledInSteps).toBeGreaterThan(20);
      expect(weights.every(Number.isFinite)).toBe(true);
    });
  },
  { only: ['webgl'] },
);

describeBackends(
  'warmUp where there is nothing to compile',
  () => {
    test('does nothing', async () => {
      const model = makeModel(4);
      const [x, optimizer] = [normalTensor([2, 16, 16, 3], 3), tf.train.sgd(0.1)];
      const before = await valuesOf(model);
      await expectNoLeak(async () => {
        expect(await warmUp(model, optimizer, x, loss)).toBe(0);
      });
      expect(await valuesOf(model)).toEqual(before);
      optimizer.dispose();
      tf.dispose(x);
      model.dispose();
    });
  },
  { except: ['webgl'] },
);
