import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import type { MaskedSettings } from '../../../src/ops/attention/attention';
import { attention } from '../../../src/ops/attention/op';
import { scoreDropoutFactors } from '../../../src/ops/dropout';
import { memoryPeak } from '../../../src/ops/engine/memory_peak';
import { seededRandom } from '../../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak, useBackend } from '../../support/backends';
import { runs } from '../../support/runs';
import { normalTensor } from '../../support/training_step';

interface Case {
  batch: number;
  heads: number;
  depth: number;
  queries: number;
  keys: number;
  causal: boolean;
  keyMasked: boolean;
  pairMasked: boolean;
  dropRate: number;
  chunkSize: number | null;
  seed: number;
}

/** Random 0 and 1, at least the first of each row 1 so that no query is blind. */
function randomMask(shape: number[], seed: number): tf.Tensor {
  const random = seededRandom(seed);
  const columns = shape[shape.length - 1] as number;
  const values = Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) =>
    i % columns === 0 || random() < 0.6 ? 1 : 0,
  );
  return tf.tensor(values, shape, 'int32');
}

function operandsOf(c: Case): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const width = c.heads * c.depth;
  return [
    normalTensor([c.batch, c.queries, width], c.seed),
    normalTensor([c.batch, c.keys, width], c.seed + 1),
    normalTensor([c.batch, c.keys, width], c.seed + 2),
  ];
}

function settingsOf(c: Case): MaskedSettings {
  return {
    numHeads: c.heads,
    scale: 1 / Math.sqrt(c.depth),
    chunkSize: c.chunkSize,
    dropRate: c.dropRate,
    seed: c.seed,
    keyMask: c.keyMasked ? randomMask([c.batch, c.keys], c.seed) : undefined,
    attentionMask: c.pairMasked ? randomMask([1, c.queries, c.keys], c.seed + 5) : undefined,
    causalOffset: c.causal ? 0 : undefined,
  };
}

/** The same in stock operations, all scores at once, differentiated by tfjs. */
function reference(
  [q, k, v]: tf.Tensor[],
  c: Case,
  { keyMask, attentionMask, scale, causalOffset }: MaskedSettings,
): tf.Tensor {
  const split = (x: tf.Tensor) =>
    tf.transpose(tf.reshape(x, [c.batch, x.shape[1] as number, c.heads, c.depth]), [0, 2, 1, 3]);
  let visible = tf.ones([1, 1, c.queries, c.keys]);
  if (keyMask) visible = tf.mul(visible, tf.reshape(keyMask, [c.batch, 1, 1, c.keys]));
  if (attentionMask) visible = tf.mul(visible, tf.expandDims(attentionMask, 1));
  if (causalOffset != null) {
    const rows = tf.reshape(tf.range(0, c.queries), [1, 1, -1, 1]);
    visible = tf.mul(
      visible,
      tf.cast(tf.lessEqual(tf.reshape(tf.range(0, c.keys), [1, 1, 1, -1]), rows), 'float32'),
    );
  }
  const scores = tf.mul(
    tf.matMul(split(q as tf.Tensor), split(k as tf.Tensor), false, true),
    scale,
  );
  const masked = tf.add(scores, tf.mul(tf.sub(1, visible), -1e9));
  let weights = tf.softmax(masked);
  const dropped = scoreDropoutFactors(
    [c.batch * c.heads, c.queries, c.keys],
    [0, c.queries],
    c.keys,
    c.dropRate,
    c.seed,
  );
  if (dropped) weights = tf.mul(weights, tf.reshape(dropped, weights.shape));
  const output = tf.matMul(weights, split(v as tf.Tensor));
  return tf.reshape(tf.transpose(output, [0, 2, 1, 3]), (q as tf.Tensor).shape);
}

const CASES: fc.Arbitrary<Case> = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    depth: fc.integer({ min: 1, max: 5 }),
    queries: fc.integer({ min: 1, max: 7 }),
    keys: fc.integer({ min: 1, max: 7 }),
    causal: fc.boolean(),
    keyMasked: fc.boolean(),
    pairMasked: fc.boolean(),
    dropRate: fc.constantFrom(0, 0.3),
    chunkSize: fc.option(fc.integer({ min: 1, max: 8 })),
    seed: fc.integer({ min: 0, max: 1000 }),
  })
  // Both masks together may leave a query nothing to see, which stock softmax cannot express.
  .map((c) => ({ ...c, pairMasked: c.pairMasked && !c.keyMasked }));

describeBackends('attention op', (backend) => {
  test('equals stock operations, forward and backward', async () => {
    await expectNoLeak(() =>
      fc.assert(
        fc.property(CASES, (c) =>
          tf.tidy(() => {
            const xs = operandsOf(c);
            const settings = settingsOf(c);
            const dy = normalTensor((xs[0] as tf.Tensor).shape, 77);
            const gradients = (f: (...args: tf.Tensor[]) => tf.Tensor) =>
              tf.valueAndGrads((...args: tf.Tensor[]) => tf.sum(tf.mul(f(...args), dy)))([...xs]);
            const got = gradients((query, key, value) =>
              attention({ query, key, value } as Parameters<typeof attention>[0], settings),
            );
            const expected = gradients((...args) => reference(args, c, settings));
            const size = tf.norm(dy).dataSync()[0] as number;
            got.grads.forEach((gradient, i) => {
              // A single visible key has no gradient but rounding: compare on the scale of dy.
              const difference = tf.norm(tf.sub(gradient, expected.grads[i] as tf.Tensor));
              expect((difference.dataSync()[0] as number) / size).toBeLessThan(2e-6);
            });
            expectClose(
              attention({ query: xs[0], key: xs[1], value: xs[2] }, settings),
              reference(xs, c, settings),
              2e-6,
            );
          }),
        ),
        { numRuns: runs(backend === 'cpu' ? 10 : 25), seed: 4 },
      ),
    );
  });

  test('does not depend on the chunk size', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const c: Case = {
          batch: 2,
          heads: 2,
          depth: 4,
          queries: 9,
          keys: 9,
          causal: true,
          keyMasked: true,
          pairMasked: false,
          dropRate: 0.25,
          chunkSize: null,
          seed: 3,
        };
        const [query, key, value] = operandsOf(c);
        const whole = attention({ query, key, value }, settingsOf(c));
        for (const chunkSize of [1, 2, 4, 9, 100]) {
          const part = attention({ query, key, value }, settingsOf({ ...c, chunkSize }));
          expectClose(part, whole, 5e-7, `chunks of ${chunkSize}`);
        }
      }),
    );
  });

  test('a query that sees no key gives 0 and gets no gradient', () => {
    tf.tidy(() => {
      const [query, key, value] = [1, 2, 3].map((seed) => normalTensor([2, 3, 4], seed));
      const keyMask = tf.tensor2d([0, 0, 0, 1, 1, 0], [2, 3]);
      const settings = {
        numHeads: 2,
        scale: 0.7,
        chunkSize: 2,
        dropRate: 0,
        seed: 0,
        keyMask,
      };
      const { value: y, grads } = tf.valueAndGrads((q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
        tf.sum(tf.square(tf.add(attention({ query: q, key: k, value: v }, settings), 1))),
      )([query, key, value] as tf.Tensor[]);
      expect(y.dataSync()[0]).toBeGreaterThan(0);
      for (const g of grads) {
        const [blind, sighted] = tf.unstack(g as tf.Tensor) as [tf.Tensor, tf.Tensor];
        expect(tf.max(tf.abs(blind)).dataSync()[0]).toBe(0);
        expect(Number.isFinite(tf.sum(sighted).dataSync()[0])).toBe(true);
      }
      const output = attention({ query, key, value } as Parameters<typeof attention>[0], settings);
      expect(tf.max(tf.abs(tf.unstack(output)[0] as tf.Tensor)).dataSync()[0]).toBe(0);
    });
  });

  test.each([
    ['queries', 0, 3],
    ['keys', 3, 0],
    ['tokens', 0, 0],
  ])('of no %s: zeros, and zeros as gradients', async (_, queries, keys) => {
    await expectNoLeak(() => {
      for (const masked of [false, true]) {
        const sizes = { batch: 2, heads: 2, depth: 3, queries, keys };
        const c = { ...sizes, causal: masked, keyMasked: masked, pairMasked: masked };
        tf.tidy(() => {
          const settings = settingsOf({
            ...c,
            dropRate: masked ? 0.5 : 0,
            chunkSize: null,
            seed: 1,
          });
          const operands = operandsOf({ ...c, dropRate: 0, chunkSize: null, seed: 1 });
          const f = (query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) =>
            attention({ query, key, value }, settings);
          const y = f(...operands);
          const gradients = tf.grads(f as (...x: tf.Tensor[]) => tf.Tensor)(
            operands,
            tf.ones(y.shape),
          );
          const shapes = [y, ...gradients].map(({ shape }) => shape);
          expect(shapes).toEqual([[2, queries, 6], ...operands.map(({ shape }) => shape)]);
          const values = [y, ...gradients].flatMap((x) => [...x.dataSync()]);
          expect(values.every((value) => value === 0)).toBe(true);
        });
      }
    });
  });

  test('refuses second-order gradients and leaves nothing behind', async () => {
    const xs = [1, 2, 3].map((seed) => normalTensor([1, 3, 4], seed)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const settings = { numHeads: 2, scale: 1, chunkSize: null, dropRate: 0, seed: 0 };
    await expectNoLeak(() => {
      const first = tf.grad((q: tf.Tensor) =>
        attention({ query: q, key: xs[1], value: xs[2] }, settings),
      );
      expect(() => tf.grad((q: tf.Tensor) => tf.sum(first(q)))(xs[0])).toThrow('second-order');
    });
    tf.dispose(xs);
  });
});

test('holds the scores of one chunk at a time', async () => {
  await useBackend('cpu');
  const size = { numHeads: 2, scale: 1, dropRate: 0, seed: 0, causalOffset: 0 };
  const xs = [1, 2, 3].map((seed) => normalTensor([2, 64, 8], seed));
  const [query, key, value] = xs as [tf.Tensor, tf.Tensor, tf.Tensor];
  const peak = async (chunkSize: number | null) => {
    const before = tf.memory().numBytes;
    const { peakBytes, result } = await memoryPeak(() =>
      attention({ query, key, value }, { ...size, chunkSize }),
    );
    result.dispose();
    return peakBytes - before;
  };
  expect(await peak(4)).toBeLessThan((await peak(null)) / 4);
  tf.dispose(xs);
});
