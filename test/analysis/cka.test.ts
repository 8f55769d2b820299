/** Linear CKA, at once and in batches: against formulas in double precision, its invariances, what is refused. */
import * as tf from '@tensorflow/tfjs';

import { linearCKA, MinibatchCKA } from 'tfjs-revcol/analysis';
import { describeBackends, expectNoLeak } from '../support/backends';
import { ckaOf, hsic, unbiasedHsic } from './references';

/** Features with something in common, moved away from 0. */
function related(n: number, shapeX: number[], shapeY: number[], seed: number) {
  return tf.tidy(() => {
    const [p, q] = [shapeX, shapeY].map((shape) => shape.reduce((a, b) => a * b, 1));
    const shared = tf.randomNormal([n, 3], 0, 1, 'float32', seed) as tf.Tensor2D;
    const mixed = (width: number, at: number) => {
      const weights = tf.randomNormal([3, width], 0, 1, 'float32', at) as tf.Tensor2D;
      const noise = tf.randomNormal([n, width], 0, 1, 'float32', at + 1);
      return tf.add(tf.add(tf.matMul(shared, weights), noise), 2);
    };
    const x = tf.reshape(mixed(p as number, seed + 1), [n, ...shapeX]);
    return [x, tf.reshape(mixed(q as number, seed + 3), [n, ...shapeY])] as const;
  });
}

describeBackends('linear CKA', () => {
  test.each([
    ['more examples than features', 30, [3], [4]],
    ['more features than examples', 9, [4, 4, 3], [50]],
    ['many and few features', 12, [2], [5, 9]],
  ])('%s', async (_, n, shapeX, shapeY) => {
    const [x, y] = related(n, shapeX, shapeY, 11);
    await expectNoLeak(async () => {
      expect(await linearCKA(x, y)).toBeCloseTo(ckaOf(hsic, [[x, y]]), 5);
      const unbiased = await linearCKA(x, y, { estimator: 'unbiased' });
      expect(unbiased).toBeCloseTo(ckaOf(unbiasedHsic, [[x, y]]), 5);
      expect(await linearCKA(y, x)).toBeCloseTo(await linearCKA(x, y), 6);
      expect(await linearCKA(x, x)).toBeCloseTo(1, 6);
    });
    tf.dispose([x, y]);
  });

  test('an orthogonal transform, scaling and shifting change nothing', async () => {
    const [x, y] = related(20, [6], [5], 21) as unknown as [tf.Tensor2D, tf.Tensor2D];
    const [turn] = tf.linalg.qr(tf.randomNormal([6, 6], 0, 1, 'float32', 3) as tf.Tensor2D);
    const turned = tf.matMul(x, turn as tf.Tensor2D);
    const expected = ckaOf(hsic, [[x, y]]);
    const changed = [turned, ...[1e-25, 1e30].map((factor) => tf.mul(x, factor)), tf.add(x, 500)];
    for (const other of changed) {
      expect(await linearCKA(other, y)).toBeCloseTo(expected, 3);
      expect(await linearCKA(other, y, { estimator: 'unbiased' })).toBeCloseTo(
        ckaOf(unbiasedHsic, [[x, y]]),
        3,
      );
    }
    // Scaling features unequally is another matter.
    const unequal = tf.mul(x, [[1, 1, 1, 1, 1, 10]]);
    expect(await linearCKA(unequal, y)).toBeCloseTo(ckaOf(hsic, [[unequal, y]]), 5);
    expect(Math.abs((await linearCKA(unequal, y)) - expected)).toBeGreaterThan(0.01);
    tf.dispose([x, y, turn as tf.Tensor, unequal, ...changed]);
  });

  test('what is independent, and whole numbers', async () => {
    const x = tf.tensor2d([0, 0, 1, 1], [4, 1], 'bool');
    const y = tf.tensor2d([5, 7, 5, 7], [4, 1], 'int32');
    await expectNoLeak(async () => {
      expect(await linearCKA(x, y)).toBeCloseTo(0, 6);
      expect(await linearCKA(x, x)).toBeCloseTo(1, 6);
    });
    tf.dispose([x, y]);
  });

  test('in batches of several sizes, the mean of unbiased estimates', async () => {
    const sizes = [12, 7, 12, 4];
    const batches = sizes.map((n, i) => related(n, [2, 3], [9], 31 + 10 * i));
    const cka = new MinibatchCKA();
    await expectNoLeak(async () => {
      for (const [x, y] of batches) await cka.add({ x, y, 'x again': x });
    });
    const { names, similarity, examples } = cka.result();
    expect([names, examples, similarity.length]).toEqual([['x', 'y', 'x again'], 35, 3]);
    const expected = ckaOf(unbiasedHsic, batches);
    for (const [i, j, value] of [
      [0, 1, expected],
      [1, 0, expected],
      [2, 1, expected],
      [0, 2, 1],
      [0, 0, 1],
      [1, 1, 1],
    ] as const) {
      expect(similarity[i]?.[j]).toBeCloseTo(value, 5);
    }
    const whole = new MinibatchCKA();
    const [x, y] = batches[0] as (typeof batches)[0];
    await whole.add(
      new Map([
        ['a', x],
        ['b', y],
      ]),
    );
    expect(whole.result().similarity[0]?.[1]).toBeCloseTo(
      await linearCKA(x, y, { estimator: 'unbiased' }),
      6,
    );
    tf.dispose([...batches] as unknown as tf.Tensor[]);
  });

  test('batches of sizes that float32 cannot square weigh as they should', async () => {
    const batches = [related(8, [3], [4], 71), related(8, [3], [4], 81)];
    const scaled = batches.map(([x, y]) => [tf.mul(x, 1e25), tf.mul(y, 1e-25)] as const);
    const cka = new MinibatchCKA();
    for (const [x, y] of scaled) await cka.add({ x, y });
    expect(cka.result().similarity[0]?.[1]).toBeCloseTo(ckaOf(unbiasedHsic, batches), 4);
    tf.dispose([...batches, ...scaled] as unknown as tf.Tensor[]);
  });

  test('pairs one after another, each freed when the next is asked for', async () => {
    const [x, y] = related(6, [3], [4], 41);
    const most: number[] = [];
    const before = tf.memory().numTensors;
    function* pairs(): Generator<[string, tf.Tensor]> {
      for (const [name, source] of Object.entries({ x, y })) {
        const own = tf.clone(source);
        yield [name, own];
        own.dispose();
        most.push(tf.memory().numTensors - before);
      }
    }
    const cka = new MinibatchCKA();
    await expectNoLeak(() => cka.add(pairs()));
    expect(cka.result().similarity[0]?.[1]).toBeCloseTo(ckaOf(unbiasedHsic, [[x, y]]), 5);
    // A matrix and a number of each that has been passed.
    expect(most).toEqual([2, 4]);
    tf.dispose([x, y]);
  });

  test('features that do not vary', async () => {
    const [x] = related(6, [3], [4], 51);
    // 0.1 thrice is not 0.3: a mean that is subtracted would leave rounding errors.
    const constant = tf.fill([6, 7], 0.1);
    await expectNoLeak(async () => {
      await expect(linearCKA(x, constant)).rejects.toThrow(
        /^linearCKA: y is the same for all 6 examples, of which no similarity is defined/,
      );
      const cka = new MinibatchCKA();
      await cka.add({ x, constant });
      expect(cka.result().similarity).toEqual([
        [1, NaN],
        [NaN, NaN],
      ]);
    });
    // One that does not vary, however large, takes nothing from others.
    const beside = tf.concat([x, tf.fill([6, 1], 1e6 + 0.1)], 1);
    expect(await linearCKA(beside, x)).toBeCloseTo(1, 5);
    tf.dispose([x, constant, beside]);
  });

  test.each([4, 7, 16])(
    'what an unbiased estimate cannot tell apart, of %d examples',
    async (n) => {
      const rows = (value: (i: number) => number) =>
        tf.tensor2d(Array.from({ length: n }, (_, i) => [value(i)]));
      // HSIC of these with themselves is 0, of which rounding leaves some.
      const one = rows((i) => (i === 2 ? 3.3 : 1.7));
      const first = rows((i) => (i === 0 ? 3.3 : 0.1));
      const hot = tf.oneHot(tf.range(0, n, 1, 'int32'), n);
      const undefinedOnes = { one, first, wide: tf.mul(one, tf.fill([1, 999], 0.3)), hot };
      const seen = {
        ordinary: rows((i) => Math.sin(i)),
        outlier: rows((i) => i + 1e4 * +(i === 0)),
      };
      const cka = new MinibatchCKA();
      await expectNoLeak(async () => {
        await cka.add({ ...undefinedOnes, ...seen });
        for (const x of Object.values(undefinedOnes)) {
          const given = linearCKA(seen.ordinary, x, { estimator: 'unbiased' });
          await expect(given).rejects.toThrow(
            /^linearCKA: y has an unbiased HSIC of 0 with itself/,
          );
        }
        expect(await linearCKA(one, one)).toBeCloseTo(1, 6);
      });
      const count = Object.keys(undefinedOnes).length;
      cka
        .result()
        .similarity.forEach((row, i) =>
          row.forEach((value, j) => expect(Number.isNaN(value)).toBe(Math.min(i, j) < count)),
        );
      tf.dispose({ ...undefinedOnes, ...seen });
    },
  );

  test('what is refused leaves nothing behind', async () => {
    const [x, y] = related(6, [3], [4], 61);
    const [one, fewer] = [tf.ones([1, 3]), tf.slice(y, [0, 0], [5, 4])];
    const broken = [NaN, Infinity].map((v) => tf.tensor2d([v, 1, 2, 3, 4, 5], [6, 1]));
    const [words, scalar, none] = [tf.tensor1d(['a', 'b']), tf.scalar(1), tf.zeros([6, 0])];
    const cka = new MinibatchCKA();
    await cka.add({ x, y });
    const expected = cka.result();
    await expectNoLeak(async () => {
      const refused = async (call: Promise<unknown>, message: RegExp) =>
        expect(call).rejects.toThrow(message);
      await refused(linearCKA(one, one), /x is a tensor of shape \[1, 3\] .* at least 2 examples/);
      await refused(linearCKA(x, fewer), /x has 6 examples, shape \[6, 3\], and y has 5, shape/);
      for (const bad of [words, scalar, none]) {
        await refused(linearCKA(bad, x), /x is a tensor of shape .*; expected numbers/);
      }
      const three = tf.slice(x, [0, 0], [3, 3]);
      await refused(linearCKA(three, three, { estimator: 'unbiased' }), /at least 4 examples/);
      await refused(cka.add({ x: three, y: three }), /at least 4 examples/);
      three.dispose();
      await refused(linearCKA(x, y, { estimator: 'other' as never }), /estimator is "other"/);
      for (const bad of broken) {
        await refused(linearCKA(x, bad), /linearCKA: y has NaN or Infinity/);
        await refused(cka.add({ x, y: bad }), /MinibatchCKA: y has NaN or Infinity/);
      }
      await refused(cka.add({ x, y: fewer }), /x has 6 examples.* and y has 5/);
      await refused(cka.add({ x, z: y }), /features x, z; expected those .*, x, y, in their order/);
      await refused(cka.add({}), /features is \{\}; expected tensors by name/);
      await refused(
        cka.add([
          ['x', x],
          ['x', y],
        ]),
        /"x" is no name, or one that there is already/,
      );
    });
    expect(cka.result()).toEqual(expected);
    expect(() => new MinibatchCKA().result()).toThrow(/no batch yet/);
    tf.dispose([x, y, one, fewer, ...broken, words, scalar, none]);
  });
});
