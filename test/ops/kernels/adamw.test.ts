import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { ADAMW } from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { normals } from '../../support/training_step';

/** What three steps make of weights of several sizes. */
function steps(simd: boolean): number[][] {
  tf.env().set(SIMD_FLAG, simd);
  try {
    expect(hasKernel(ADAMW)).toBe(simd);
    const optimizer = new AdamW({ learningRate: 0.03, weightDecay: 0.1 });
    const weights = [1, 3, 4, 7, 66].map((n, i) =>
      tf.tidy(() => tf.variable(tf.tensor(normals(i, 2 * n), [2, n]))),
    );
    for (let step = 0; step < 3; step++) {
      tf.tidy(() => {
        const gradients = weights.map((w, i) => {
          return [w.name, tf.tensor(normals(10 * step + i, w.size), w.shape)] as const;
        });
        optimizer.applyGradients(Object.fromEntries(gradients));
      });
    }
    const values = weights.map((w) => [...w.dataSync()]);
    optimizer.dispose();
    tf.dispose(weights);
    return values;
  } finally {
    tf.env().set(SIMD_FLAG, true);
  }
}

describeBackends(
  'the kernel of AdamW',
  () => {
    test('gives the bits of the operations whose place it takes', async () => {
      await expectNoLeak(() => {
        expect(steps(true)).toEqual(steps(false));
      });
    });

    test('refuses what does not fit', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const weight = tf.ones([2, 3]);
          const attrs = { beta1: 0.9, beta2: 0.9, kept: 1, size: 1, epsilon: 1 };
          const run = (inputs: tf.NamedTensorMap) => () =>
            tf.engine().runKernel(ADAMW.name, { weight, ...inputs }, attrs);
          expect(run({ gradient: tf.ones([2, 2]) })).toThrow('all must be alike');
          expect(run({ gradient: weight, m: weight })).toThrow('both there or neither');
        }),
      );
    });
  },
  { only: ['wasm'] },
);
