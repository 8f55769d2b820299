/** Programs of a training step on webgl and webgpu, compiled before the first one. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, createModel, trainingStep, warmUp } from 'tfjs-revcol';
import { readsSettled } from '../../../src/ops/engine/reads_in_flight';
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

/** What is used of tfjs's webgl and webgpu backends. */
interface CompilingBackend {
  binaryCache?: object;
  pipelineCache?: object;
  device?: { createComputePipelineAsync(): Promise<object> };
  checkCompileCompletionAsync(): Promise<unknown>;
}
const backendInUse = () => tf.backend() as unknown as CompilingBackend;

const compiled = (): number => {
  const { binaryCache, pipelineCache } = backendInUse();
  return Object.keys(binaryCache ?? (pipelineCache as object)).length;
};

/** Lets programs fail to compile side by side; gives what undoes it. */
function failingToCompile(): () => void {
  const fail = () => Promise.reject(new Error('Failed to compile fragment shader.'));
  const { device } = backendInUse();
  if (device) {
    device.createComputePipelineAsync = fail;
    return () => Reflect.deleteProperty(device, 'createComputePipelineAsync');
  }
  const backend = backendInUse();
  backend.checkCompileCompletionAsync = fail;
  return () => Reflect.deleteProperty(backend, 'checkCompileCompletionAsync');
}

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
  (backend) => {
    // On webgpu shapes are no part of programs: what one test has compiled another would find.
    beforeEach(() => {
      const { pipelineCache = {} } = backendInUse();
      for (const key of Object.keys(pipelineCache)) Reflect.deleteProperty(pipelineCache, key);
    });

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
      const prefix = backend === 'webgpu' ? 'WEBGPU_' : '';
      expect(tf.env().getBool(`${prefix}ENGINE_COMPILE_ONLY`)).toBe(false);
      expect(await valuesOf(model)).toEqual(before);
      optimizer.dispose();
      tf.dispose(x);
      model.dispose();
    });

    test('what did not compile is compiled anew when it is needed', async () => {
      const undo = failingToCompile();
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
      undo();
      optimizer.dispose();
      tf.dispose(x);
      model.dispose();
      const { weights, compiledInSteps } = await trained(22, new AdamW(), false);
      expect(compiledInSteps).toBeGreaterThan(20);
      expect(weights.every(Number.isFinite)).toBe(true);
    });
  },
  { only: ['webgl', 'webgpu'] },
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
  { except: ['webgl', 'webgpu'] },
);
