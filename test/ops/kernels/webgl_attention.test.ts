/** The package's programs for attention on webgl against tfjs's operations. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { attentionBackward, attentionForward } from '../../../src/ops/attention/attention';
import { ATTENTION, ATTENTION_GRAD } from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { WEBGL_FLAG } from '../../../src/ops/kernels/webgl/backend';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normals, normalTensor } from '../../support/training_step';

const size = (max: number) => fc.integer({ min: 1, max });

const CASE = fc.record({
  ...{ batch: size(3), heads: size(3), t: size(40), s: size(40), d: size(5), e: size(5) },
  causalOffset: fc.oneof(
    fc.constant(undefined),
    fc.integer({ min: -20, max: 40 }),
    fc.constant(-(2 ** 30)),
  ),
  masked: fc.boolean(),
  scale: fc.constantFrom(1, 0.37),
  chunkSize: fc.constantFrom(null, 7),
});

type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

/** Output and gradients of an attention on random operands, with heads of even widths. */
function attend(given: Case): tf.NamedTensorMap {
  const { batch, heads, t, s, d, e, causalOffset, masked, scale, chunkSize } = given;
  const query = normalTensor([batch, t, 2 * heads * d], 1);
  const key = normalTensor([batch, s, 2 * heads * d], 2);
  const value = normalTensor([batch, s, 2 * heads * e], 3);
  const dOutput = normalTensor([batch, t, 2 * heads * e], 4);
  // Of the last entry nothing is seen.
  const seen = normals(5, batch * s).map((v, i) => Number(v > 0 && i < (batch - 1) * s));
  const keyMask = masked ? tf.tensor2d(seen, [batch, s]) : undefined;
  const operands = { query, key, value };
  const common = { numHeads: heads, scale, chunkSize, dropRate: 0, seed: 1 };
  const settings = { ...common, keyMask, causalOffset };
  const output = attentionForward(operands, settings);
  return { output, ...attentionBackward(dOutput, output, operands, settings) };
}

function plainly<T>(fn: () => T): T {
  tf.env().set(WEBGL_FLAG, false);
  try {
    expect([ATTENTION, ATTENTION_GRAD].some(hasKernel)).toBe(false);
    return fn();
  } finally {
    tf.env().set(WEBGL_FLAG, true);
  }
}

describeBackends(
  'the programs of attention on webgl',
  () => {
    const check = (given: Case) =>
      tf.tidy(() => {
        expect([ATTENTION, ATTENTION_GRAD].map(hasKernel)).toEqual([true, true]);
        const expected = plainly(() => attend(given));
        for (const [name, tensor] of Object.entries(attend(given))) {
          const text = JSON.stringify([name, given]);
          expect({ [text]: tensor.shape }).toEqual({ [text]: expected[name]?.shape });
          expectClose(tensor, expected[name] as tf.Tensor, 1e-5, text);
        }
      });

    test('give what tfjs gives', async () => {
      await expectNoLeak(() => fc.assert(fc.property(CASE, check), { numRuns: runs(12), seed: 4 }));
    });

    test('leave heads of odd widths to tfjs', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const x = normalTensor([2, 5, 6], 1);
          const settings = { numHeads: 2, scale: 1, chunkSize: null, dropRate: 0, seed: 1 };
          const run = () => attentionForward({ query: x, key: x, value: x }, settings);
          const expected = plainly(run);
          expectClose(run(), expected, 1e-6);
        }),
      );
    });
  },
  { only: ['webgl'] },
);
