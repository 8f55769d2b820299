/** AdamW when a kernel fails in the middle of a step. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

/** Runs `fn` (until it settles), whose n-th kernel fails. */
function failingAt<T>(n: number, fn: () => T): T {
  const engine = tf.engine();
  let count = 0;
  const run = engine.runKernel.bind(engine);
  engine.runKernel = ((...args: Parameters<typeof run>) => {
    if (++count === n) throw new Error('out of memory');
    return run(...args);
  }) as typeof run;
  const restore = () => delete (engine as Partial<typeof engine>).runKernel;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

describeBackends('AdamW', () => {
  test('a failure at any kernel changes a weight and its state wholly or not at all', async () => {
    const [w, u] = [1, 2].map((i) => tf.variable(normalTensor([2, 3], i), true, `fail/w${i}`)) as [
      tf.Variable,
      tf.Variable,
    ];
    const gradients = { [w.name]: normalTensor([2, 3], 3), [u.name]: normalTensor([2, 3], 4) };
    const starts = [w, u].map((v) => tf.clone(v));
    const values = () => [w, u].map((v) => String([...v.dataSync()]));
    const reset = () => [w, u].forEach((v, i) => v.assign(starts[i] as tf.Tensor));
    const runs: string[][] = [];
    const twin = new AdamW({ learningRate: 0.1 });
    let kernels = 0;
    for (let i = 0; i < 3; i++) {
      runs.push(values());
      const spy = jest.spyOn(tf.engine(), 'runKernel');
      twin.applyGradients(gradients);
      if (i === 1) kernels = spy.mock.calls.length;
      spy.mockRestore();
    }
    runs.push(values());
    twin.dispose();

    let failures = 0;
    for (let n = 1; n === failures + 1; n++) {
      reset();
      await expectNoLeak(async () => {
        const optimizer = new AdamW({ learningRate: 0.1 });
        optimizer.applyGradients(gradients);
        await expectNoLeak(() => {
          try {
            failingAt(n, () => optimizer.applyGradients(gradients));
          } catch (error) {
            if (String(error) !== 'Error: out of memory') throw error;
            failures++;
          }
        });
        const after = values();
        after.forEach((value, i) => expect([runs[1]?.[i], runs[2]?.[i]]).toContain(value));
        // Whatever was not done is done now, and nothing is done twice.
        const rest = [w, u].filter((_, i) => after[i] === runs[1]?.[i]);
        const left = Object.fromEntries(
          rest.map(({ name }) => [name, gradients[name] as tf.Tensor]),
        );
        optimizer.applyGradients(left);
        expect(values()).toEqual(runs[2]);
        const state = await optimizer.getWeights();
        await expectNoLeak(async () => {
          const restoring = failingAt(3, () => optimizer.setWeights(state));
          await expect(restoring).rejects.toThrow('out of memory');
        });
        optimizer.applyGradients(gradients);
        expect(values()).toEqual(runs[3]);
        optimizer.dispose();
      });
    }
    // Where a backend has a kernel for the whole of a step, that is one for each weight.
    expect(failures).toBe(kernels);
    expect(kernels).toBeGreaterThan(1);
    tf.dispose([w, u, starts, gradients]);
  });
});
