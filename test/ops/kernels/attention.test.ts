import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { attentionBackward, attentionForward } from '../../../src/ops/attention/attention';
import { ATTENTION, ATTENTION_GRAD } from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normals, normalTensor } from '../../support/training_step';

const size = (max: number) => fc.integer({ min: 1, max });

const CASE = fc.record({
  ...{ batch: size(3), heads: size(3), t: size(150), s: size(150), d: size(9), e: size(9) },
  causalOffset: fc.oneof(
    fc.constant(undefined),
    fc.integer({ min: -20, max: 40 }),
    fc.constant(-(2 ** 30)),
  ),
  masked: fc.boolean(),
  scale: fc.constantFrom(1, 0.37),
});

/** Without SIMD the kernels are not there, and tfjs's operations compute some queries at a time. */
function withoutKernel<T>(fn: () => T): T {
  tf.env().set(SIMD_FLAG, false);
  try {
    expect(hasKernel(ATTENTION)).toBe(false);
    return fn();
  } finally {
    tf.env().set(SIMD_FLAG, true);
  }
}

describeBackends(
  'the kernels of attention',
  () => {
    test('give what tfjs gives', async () => {
      expect([ATTENTION, ATTENTION_GRAD].map(hasKernel)).toEqual([true, true]);
      await expectNoLeak(() =>
        fc.assert(
          fc.property(CASE, ({ batch, heads, t, s, d, e, causalOffset, masked, scale }) => {
            tf.tidy(() => {
              const query = normalTensor([batch, t, heads * d], 1);
              const key = normalTensor([batch, s, heads * d], 2);
              const value = normalTensor([batch, s, heads * e], 3);
              const dOutput = normalTensor([batch, t, heads * e], 4);
              // Of the last entry nothing is seen.
              const seen = normals(5, batch * s).map((v, i) =>
                Number(v > 0 && i < (batch - 1) * s),
              );
              const keyMask = masked ? tf.tensor2d(seen, [batch, s]) : undefined;
              const operands = { query, key, value };
              const common = { numHeads: heads, scale, chunkSize: 7, dropRate: 0, seed: 1 };
              const settings = { ...common, keyMask, causalOffset };
              const both = () => {
                const output = attentionForward(operands, settings);
                return { output, ...attentionBackward(dOutput, output, operands, settings) };
              };
              const expected = withoutKernel(both);
              const got = both();
              for (const [name, tensor] of Object.entries(got)) {
                expectClose(tensor, expected[name as keyof typeof expected], 1e-5, name);
              }
            });
          }),
          { numRuns: runs(30), seed: 4 },
        ),
      );
    });

    test('NaN stays NaN', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const query = tf.fill([1, 2, 4], NaN);
          const [key, value] = [tf.ones([1, 3, 4]), tf.ones([1, 3, 4])];
          const settings = { numHeads: 1, scale: 1, chunkSize: null, dropRate: 0, seed: 1 };
          const output = attentionForward({ query, key, value }, settings);
          expect([...output.dataSync()]).toEqual(Array<number>(8).fill(NaN));
        }),
      );
    });

    test('refuse what does not fit', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [query, key, value] = [tf.ones([2, 3, 4]), tf.ones([2, 5, 4]), tf.ones([2, 5, 6])];
          const run = (inputs: object, more: object = {}, name: string = ATTENTION.name) => {
            const given = { query, key, value, ...inputs } as tf.NamedTensorMap;
            const attrs = { numHeads: 2, scale: 1, causalOffset: 0, ...more };
            return () => tf.engine().runKernel(name, given, attrs);
          };
          expect(run({ key: value })).toThrow('do not fit');
          expect(run({ bias: tf.ones([2, 3]) })).toThrow('do not fit');
          expect(run({ query: tf.ones([2, 0, 4]) })).toThrow('none of them empty');
          expect(run({}, { numHeads: 3 })).toThrow('3 heads');
          expect(run({}, { scale: 0 })).toThrow('scale above 0');
          const gradients = { output: tf.ones([2, 3, 6]), dOutput: query };
          expect(run(gradients, {}, ATTENTION_GRAD.name)).toThrow('dOutput [2, 3, 4]');
        }),
      );
    });
  },
  { only: ['wasm'] },
);
