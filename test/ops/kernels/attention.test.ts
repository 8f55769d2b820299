import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { attentionBackward, attentionForward } from '../../../src/ops/attention/attention';
import { ATTENTION, ATTENTION_GRAD } from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import {
  chooseNative,
  instructionSets,
  NATIVE_FLAG,
} from '../../../src/ops/kernels/tensorflow/library';
import {
  describeBackends,
  expectClose,
  expectNoLeak,
  HAS_OPERATIONS,
} from '../../support/backends';
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

/** With the flag of a backend's kernels off they are not there, and tfjs's operations compute some queries at a time. */
function withoutKernel<T>(backend: string, fn: () => T): T {
  const flag = backend === 'wasm' ? SIMD_FLAG : NATIVE_FLAG;
  tf.env().set(flag, false);
  try {
    expect(hasKernel(ATTENTION)).toBe(false);
    return fn();
  } finally {
    tf.env().set(flag, true);
  }
}

/** Ways of the kernel to compute. On wasm there is one. */
const waysOf = (backend: string) =>
  backend === 'wasm'
    ? [null]
    : instructionSets().flatMap((instructions) =>
        [1, 3].map((threads) => ({ instructions, threads })),
      );

type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

/** Output and gradients of an attention on random operands. */
function attend({
  batch,
  heads,
  t,
  s,
  d,
  e,
  causalOffset,
  masked,
  scale,
}: Case): tf.NamedTensorMap {
  const query = normalTensor([batch, t, heads * d], 1);
  const key = normalTensor([batch, s, heads * d], 2);
  const value = normalTensor([batch, s, heads * e], 3);
  const dOutput = normalTensor([batch, t, heads * e], 4);
  // Of the last entry nothing is seen.
  const seen = normals(5, batch * s).map((v, i) => Number(v > 0 && i < (batch - 1) * s));
  const keyMask = masked ? tf.tensor2d(seen, [batch, s]) : undefined;
  const operands = { query, key, value };
  const common = { numHeads: heads, scale, chunkSize: 7, dropRate: 0, seed: 1 };
  const settings = { ...common, keyMask, causalOffset };
  const output = attentionForward(operands, settings);
  return { output, ...attentionBackward(dOutput, output, operands, settings) };
}

describeBackends(
  'the kernels of attention',
  (backend) => {
    let restore = () => undefined as unknown;
    beforeAll(() => {
      if (backend === 'wasm') return;
      const { instructions, threads } = chooseNative('', 0);
      restore = () => chooseNative(instructions, threads);
    });
    afterEach(() => restore());

    const check = (given: Case) =>
      tf.tidy(() => {
        const expected = withoutKernel(backend, () => attend(given));
        for (const way of waysOf(backend)) {
          if (way) chooseNative(way.instructions, way.threads);
          const got = attend(given);
          for (const [name, tensor] of Object.entries(got)) {
            const text = JSON.stringify([name, way, given]);
            expectClose(tensor, expected[name] as tf.Tensor, 1e-5, text);
          }
          // The same bits each time, whichever thread took which part.
          const bits = (all: tf.NamedTensorMap) => Object.values(all).map((x) => [...x.dataSync()]);
          expect(bits(attend(given))).toEqual(bits(got));
        }
      });

    test('give what tfjs gives', async () => {
      expect([ATTENTION, ATTENTION_GRAD].map(hasKernel)).toEqual([true, true]);
      const numRuns = runs(backend === 'wasm' ? 30 : 12);
      await expectNoLeak(() => fc.assert(fc.property(CASE, check), { numRuns, seed: 4 }));
    });

    test('of one head and few, whose queries threads share, and of several tiles', async () => {
      const size = { batch: 1, t: 260, s: 300, d: 20, e: 33, scale: 0.37 as const, masked: false };
      await expectNoLeak(() => {
        check({ ...size, heads: 1, causalOffset: undefined });
        check({ ...size, heads: 2, causalOffset: -30, masked: true });
      });
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
  { only: ['wasm', ...(HAS_OPERATIONS ? ['tensorflow'] : [])] },
);
