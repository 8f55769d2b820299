import * as tf from '@tensorflow/tfjs';

import { LAYER_NORM, MAT_MUL } from '../../../src/ops/kernels/contract';
import { implementKernel, runFused } from '../../../src/ops/kernels/fused';
import { normalize } from '../../../src/ops/layer_norm';
import { matMul2d } from '../../../src/ops/mat_mul';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';

/** Runs `fn` while backend 'cpu' has a kernel that it lacks otherwise. */
function having(kernel: tf.KernelConfig, fn: () => void): void {
  expect(tf.getKernel(kernel.kernelName, 'cpu')).toBeUndefined();
  tf.registerKernel(kernel);
  try {
    fn();
  } finally {
    tf.unregisterKernel(kernel.kernelName, 'cpu');
  }
}

describeBackends(
  'a kernel for another backend',
  () => {
    test('is what the operation runs, with outputs by name', async () => {
      const calls: number[] = [];
      const kernel = implementKernel(LAYER_NORM, 'cpu', (_backend: object, { x }, { epsilon }) => {
        calls.push(epsilon);
        return { rstd: tf.ones([...x.shape.slice(0, -1), 1]), xhat: tf.fill(x.shape, 3) };
      });
      await expectNoLeak(() =>
        tf.tidy(() =>
          having(kernel, () => {
            const { xhat, rstd } = normalize(normalTensor([2, 3], 1), 0.25);
            expect(calls).toEqual([0.25]);
            expectClose(xhat, tf.fill([2, 3], 3), 0);
            expectClose(rstd, tf.ones([2, 1]), 0);
          }),
        ),
      );
    });

    test('is given optional inputs only where there are any', async () => {
      const given: string[][] = [];
      const kernel = implementKernel(MAT_MUL, 'cpu', (_backend: object, inputs) => {
        given.push(Object.keys(inputs));
        return tf.zeros([2, 2]);
      });
      await expectNoLeak(() =>
        tf.tidy(() =>
          having(kernel, () => {
            const [a, bias] = [tf.zeros([2, 2]), tf.zeros([2])];
            const flags = { transposeA: false, transposeB: false };
            runFused(MAT_MUL, { a, b: a, bias: undefined }, flags, () => tf.clone(a));
            runFused(MAT_MUL, { a, b: a, bias }, flags, () => tf.clone(a));
            expect(given).toEqual([
              ['a', 'b'],
              ['a', 'b', 'bias'],
            ]);
          }),
        ),
      );
    });

    test('refuses what the contract does not allow, and says what', async () => {
      const kernel = implementKernel(MAT_MUL, 'cpu', () => tf.zeros([2, 2]));
      await expectNoLeak(() =>
        tf.tidy(() =>
          having(kernel, () => {
            const run = (inputs: Record<string, tf.Tensor>, attrs: Record<string, boolean>) => () =>
              tf.engine().runKernel(MAT_MUL.name, inputs, attrs);
            const [a, whole] = [tf.zeros([2, 2]), tf.zeros([2, 2], 'int32')];
            const flags = { transposeA: false, transposeB: true };
            expect(run({ a }, flags)).toThrow('RevColMatMul (cpu): input b is missing');
            expect(run({ a, b: whole }, flags)).toThrow('b is int32, only float32 is supported');
            expect(run({ a, b: a, bias: whole }, flags)).toThrow('bias is int32, only float32');
            expect(run({ a, b: a }, { transposeA: true })).toThrow(
              'attribute transposeB is undefined, a boolean is expected',
            );
          }),
        ),
      );
    });
  },
  { only: ['cpu'] },
);

test('inputs, attributes and outputs are checked by the compiler', () => {
  const x = tf.zeros([1, 1]);
  const flags = { transposeA: false, transposeB: false };
  const wrong = [
    // @ts-expect-error: b is missing
    () => runFused(MAT_MUL, { a: x }, flags, () => x),
    // @ts-expect-error: transposeB is missing
    () => runFused(MAT_MUL, { a: x, b: x }, { transposeA: true }, () => x),
    // @ts-expect-error: rstd is missing
    () => runFused(LAYER_NORM, { x }, { epsilon: 1 }, () => ({ xhat: x })),
    // @ts-expect-error: no name, but a contract
    () => runFused('RevColMatMul', { a: x, b: x }, flags, () => x),
    () =>
      implementKernel(LAYER_NORM, 'cpu', (_backend: object, { x: rows }, { epsilon }) => {
        // @ts-expect-error: it is a number
        const flag: boolean = epsilon;
        return { xhat: rows, rstd: flag ? rows : x };
      }),
  ];
  expect(wrong).toHaveLength(5);
  expect(tf.tidy(() => matMul2d(x, x).shape)).toEqual([1, 1]);
  x.dispose();
});
