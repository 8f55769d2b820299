/** A fused step whose n-th kernel fails, for every n: what it says, what it leaves, and going on from there. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, FusedStepError, layers } from 'tfjs-revcol';
import { describeBackends, expectNoLeak, onDeviceAlone } from '../support/backends';
import { countKernels, failAtKernel } from '../support/failing_kernels';
import { RUNS } from '../support/runs';
import { normalTensor, randomizeWeights } from '../support/training_step';

const SHAPE = [2, 2, 2];

function setUp() {
  const backbone = { columns: 2, channels: [2, 3], depths: [1, 0], patchSize: 1 };
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({ ...backbone, inputShape: SHAPE }),
      layers.revColHead({ units: 2 }),
    ],
  });
  randomizeWeights(model.weights, 3);
  const [x, y] = [normalTensor([1, ...SHAPE], 1), normalTensor([1, 2], 2)];
  const loss = () =>
    tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
  const dispose = () => {
    model.dispose();
    tf.dispose([x, y]);
  };
  return { model, loss, dispose };
}

describeBackends('a fused step that fails at any kernel', (backend) => {
  // Weights are compared bit by bit, some of which have been read.
  onDeviceAlone(backend);
  test('says which weights it has updated; each is as before or as after, and nothing leaks', async () => {
    await expectNoLeak(async () => {
      const { model, loss, dispose } = setUp();
      const variables = model.weights.map((w) => w.read() as tf.Variable);
      const start = variables.map((v) => tf.clone(v));
      const values = () => variables.map((v) => String([...v.dataSync()]));
      const reset = () => variables.forEach((v, i) => v.assign(start[i] as tf.Tensor));
      const before = values();
      const whole = new AdamW({ learningRate: 0.1, fused: true });
      const kernels = countKernels(() => whole.minimize(loss));
      const after = values();
      const steps = async (optimizer: AdamW) => {
        const counts = (await optimizer.getWeights()).find(({ name }) => name.endsWith('/steps'));
        return counts?.tensor.size ?? 0;
      };
      const all = await steps(whole);
      whole.dispose();
      // Every variable but the alphas of the first column changes.
      expect(after.filter((value, i) => value !== before[i]).length).toBe(all);

      // Few kernels by default, all of them in the long tests.
      const stride = RUNS > 1 ? 1 : 7;
      let partial = 0;
      for (let n = 1; n <= kernels; n += stride) {
        reset();
        const optimizer = new AdamW({ learningRate: 0.1, fused: true });
        let caught: unknown;
        const step = () => {
          try {
            optimizer.minimize(loss);
          } catch (error) {
            caught = error;
            throw error;
          }
        };
        const { moreTensors } = failAtKernel(n, step);
        const now = values();
        const changed = variables.filter((_, i) => now[i] !== before[i]).map((v) => v.name);
        now.forEach((value, i) => expect([before[i], after[i]]).toContain(value));
        // What is new are the moments of updated weights.
        expect({ n, moreTensors }).toEqual({ n, moreTensors: 2 * changed.length });
        expect(optimizer.iterations).toBe(0);
        if (changed.length > 0) {
          partial++;
          const error = caught as FusedStepError;
          expect(error).toBeInstanceOf(FusedStepError);
          expect([...error.updated].sort()).toEqual([...changed].sort());
          expect(error.notUpdated.length).toBe(all - changed.length);
          expect(error.message).toContain(
            `when ${changed.length} of ${all} weights had been updated`,
          );
        } else {
          expect(caught).not.toBeInstanceOf(FusedStepError);
        }
        expect(await steps(optimizer)).toBe(changed.length);
        optimizer.dispose();
      }
      expect(partial).toBeGreaterThan(kernels / stride / 4);
      // The engine is as good as ever.
      reset();
      const again = new AdamW({ learningRate: 0.1, fused: true });
      again.minimize(loss);
      expect(values()).toEqual(after);
      again.dispose();
      start.forEach((v) => v.dispose());
      dispose();
    });
  });

  test('a block that throws in the middle is told apart from one that throws in the forward pass', () => {
    const { model, loss, dispose } = setUp();
    const optimizer = new AdamW({ fused: true });
    const backbone = model.layers[0] as ReturnType<typeof layers.revColBackbone>;
    const [block] = (
      backbone.columnLayers[0] as (typeof backbone.columnLayers)[number]
    ).functionLayers.slice(1) as unknown as { levelFunction: (...args: unknown[]) => object }[];
    const original = block?.levelFunction.bind(block) as (...args: unknown[]) => object;
    const broken = (method: string) => {
      (block as { levelFunction: unknown }).levelFunction = (...args: unknown[]) => {
        const fn = original(...args);
        return Object.assign(Object.create(fn) as object, {
          [method]: () => {
            throw new Error(`broken ${method}`);
          },
        });
      };
    };
    broken('forward');
    expect(() => optimizer.minimize(loss)).toThrow(/^broken forward$/);
    broken('linearize');
    expect(() => optimizer.minimize(loss)).toThrow(
      /^AdamW: a step failed \(broken linearize\) when \d+ of \d+ weights had been updated/,
    );
    optimizer.dispose();
    dispose();
  });
});
