/** Threads of the package's kernels on wasm, in a page and in its workers. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { isShared, memoryOf } from '../../../src/ops/kernels/simd_module';
import { poolOf } from '../../../src/ops/kernels/wasm/simd_module';
import { setWasmThreads } from '../../../src/ops/kernels/wasm_threads';
import { matMul2d } from '../../../src/ops/mat_mul';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';

describeBackends(
  'threads',
  () => {
    const backend = () => tf.backend() as unknown as Parameters<typeof poolOf>[0];

    test('give the bits that one gives, where the memory is shared', async () => {
      const memory = memoryOf(backend().wasm) as WebAssembly.Memory;
      if (!isShared(memory)) {
        await expect(setWasmThreads(2)).rejects.toThrow('before tf.setBackend');
        return;
      }
      const [a, b] = [normalTensor([256, 99], 1), normalTensor([99, 130], 2)];
      const product = () => tf.tidy(() => Array.from(matMul2d(a, b).dataSync()));
      try {
        await setWasmThreads(1);
        const alone = product();
        expect(await setWasmThreads(2)).toEqual({ threads: 2 });
        await expectNoLeak(async () => {
          for (let i = 0; i < 2000 && !poolOf(backend())?.taken; i++) {
            expect(product()).toEqual(alone);
            // A page starts workers between its own pieces of work.
            if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
          }
        });
        expect(poolOf(backend())?.taken).toBeGreaterThan(0);
      } finally {
        await setWasmThreads(1);
        tf.dispose([a, b]);
      }
    });
  },
  { only: ['wasm'] },
);
