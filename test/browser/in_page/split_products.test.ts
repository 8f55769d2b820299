/** Products of matrices with long sums, which tfjs-backend-webgpu has wrong. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { repairWebgpuKernels } from '../../../src/ops/kernels/webgpu/index';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normals } from '../../support/training_step';

/** `a` [m, k] times the transpose of `b` [n, k], in double precision. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, n: number, k: number) {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let t = 0; t < k; t++)
        c[i * n + j] =
          (c[i * n + j] as number) + (a[i * k + t] as number) * (b[j * k + t] as number);
  return c;
}

describeBackends(
  'products with long sums',
  () => {
    test.each([
      [8, 32, 2000],
      [2, 512, 2048],
      [32, 32, 2999],
    ])('[%d, k] by [%d, k] transposed, k = %d', async (m, n, k) => {
      const [a, b, bias] = [normals(1, m * k), normals(2, n * k), normals(3, n)];
      const exact = product(a, b, m, n, k);
      await expectNoLeak(async () => {
        const [x, y] = [tf.tensor2d(a, [m, k]), tf.tensor2d(b, [n, k])];
        const plain = tf.matMul(x, y, false, true);
        expectClose(await plain.data(), exact, 1e-5);
        const shift = tf.tensor1d(bias);
        const fused = tf.fused.matMul({
          ...{ a: x, b: y, transposeA: false, transposeB: true },
          ...{ bias: shift, activation: 'relu' },
        });
        const expected = exact.map((c, i) => Math.max(0, c + (bias[i % n] as number)));
        expectClose(await fused.data(), expected, 1e-5);
        tf.dispose([x, y, shift, plain, fused]);
      });
    });

    test('a stock dense layer of 2,000 units has the gradient that it should have', async () => {
      const dense = tf.layers.dense({ units: 2000, inputShape: [32] });
      const x = tf.tensor2d(normals(4, 8 * 32), [8, 32]);
      const dy = normals(5, 8 * 2000);
      dense.apply(x);
      const kernel = normals(6, 32 * 2000);
      dense.setWeights([tf.tensor2d(kernel, [32, 2000]), tf.zeros([2000])]);
      const dx = tf.grad((input: tf.Tensor) => dense.apply(input) as tf.Tensor)(
        x,
        tf.tensor2d(dy, [8, 2000]),
      );
      expectClose(await dx.data(), product(dy, kernel, 8, 32, 2000), 1e-5);
      dense.dispose();
      tf.dispose([x, dx]);
    });

    test('were mended when the backend was first used', () => {
      expect(repairWebgpuKernels()).toEqual([]);
    });
  },
  { only: ['webgpu'] },
);
