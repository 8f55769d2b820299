import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { linearForward } from '../../../src/ops/linear';
import { batchMatMul, matMul2d } from '../../../src/ops/mat_mul';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normals } from '../../support/training_step';

/** Products in double precision. */
function reference(
  a: Float32Array,
  b: Float32Array,
  [batch, m, k, n]: readonly [number, number, number, number],
  transposeA: boolean,
  transposeB: boolean,
): Float64Array {
  const c = new Float64Array(batch * m * n);
  for (let e = 0; e < batch; e++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const left = a[e * m * k + (transposeA ? l * m + i : i * k + l)] as number;
          sum += left * (b[e * k * n + (transposeB ? j * k + l : l * n + j)] as number);
        }
        c[(e * m + i) * n + j] = sum;
      }
    }
  }
  return c;
}

const SIZE = fc.integer({ min: 1, max: 40 });

function check(numRuns: number): void {
  fc.assert(
    fc.property(
      fc.tuple(fc.integer({ min: 1, max: 4 }), SIZE, SIZE, SIZE),
      fc.boolean(),
      fc.boolean(),
      ([batch, m, k, n], transposeA, transposeB) =>
        tf.tidy(() => {
          const [a, b] = [normals(1, batch * m * k), normals(2, batch * k * n)];
          const c = batchMatMul(
            tf.tensor(a, transposeA ? [batch, k, m] : [batch, m, k]),
            tf.tensor(b, transposeB ? [batch, n, k] : [batch, k, n]),
            transposeA,
            transposeB,
          );
          expect(c.shape).toEqual([batch, m, n]);
          expectClose(c, reference(a, b, [batch, m, k, n], transposeA, transposeB), 1e-6);
        }),
    ),
    { numRuns, seed: 2 },
  );
}

/** The same for single products, with and without a bias. */
function checkSingle(numRuns: number): void {
  fc.assert(
    fc.property(
      fc.tuple(SIZE, SIZE, SIZE),
      fc.boolean(),
      fc.boolean(),
      ([m, k, n], transposeA, transposeB) =>
        tf.tidy(() => {
          const [a, b, bias] = [normals(1, m * k), normals(2, k * n), normals(3, n)];
          const expected = reference(a, b, [1, m, k, n], transposeA, transposeB);
          const c = matMul2d(
            tf.tensor(a, transposeA ? [k, m] : [m, k]),
            tf.tensor(b, transposeB ? [n, k] : [k, n]),
            transposeA,
            transposeB,
          );
          expect(c.shape).toEqual([m, n]);
          expectClose(c, expected, 1e-6);
          const plain = reference(a, b, [1, m, k, n], false, false);
          const affine = linearForward(tf.tensor(a, [m, k]), tf.tensor(b, [k, n]), tf.tensor(bias));
          expect(affine.shape).toEqual([m, n]);
          expectClose(
            affine,
            plain.map((v, i) => v + (bias[i % n] as number)),
            1e-6,
          );
        }),
    ),
    { numRuns, seed: 3 },
  );
}

describeBackends('matrix products', () => {
  test('equal those in double precision', async () => {
    await expectNoLeak(() => checkSingle(runs(20)));
  });
});

describeBackends('batches of matrix products', () => {
  test('equal those in double precision', async () => {
    await expectNoLeak(() => check(runs(20)));
  });
});

describeBackends(
  'the wasm kernel',
  () => {
    test('without SIMD gives the same', async () => {
      tf.env().set(SIMD_FLAG, false);
      try {
        await expectNoLeak(() => check(runs(8)));
        await expectNoLeak(() => checkSingle(runs(8)));
      } finally {
        tf.env().set(SIMD_FLAG, true);
      }
    });

    test('refuses shapes that do not fit, and other dtypes', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [a, b] = [tf.zeros([2, 3, 4]), tf.zeros([2, 3, 4])];
          expect(() => batchMatMul(a, b)).toThrow('do not fit');
          expect(() => batchMatMul(a, tf.zeros([1, 4, 3]))).toThrow('do not fit');
          expect(() => batchMatMul(a, tf.zeros([2, 4, 3], 'int32'))).toThrow('float32');
        }),
      );
    });

    test.each([true, false])("is tf.matMul's as well, SIMD: %p", async (simd) => {
      const cases: [outer: number[], m: number, k: number, n: number][] = [
        [[], 1, 259, 261],
        [[], 37, 43, 50],
        [[3], 1, 150, 151],
        [[2, 3], 21, 23, 31],
        [[2], 130, 2, 131],
      ];
      tf.env().set(SIMD_FLAG, simd);
      try {
        await expectNoLeak(() => {
          for (const [outer, m, k, n] of cases) {
            for (const [transposeA, transposeB] of [
              [0, 0],
              [0, 1],
              [1, 0],
              [1, 1],
            ]) {
              // prettier-ignore
              tf.tidy(() => {
                const batch = tf.util.sizeFromShape(outer);
                const [a, b] = [normals(1, batch * m * k), normals(2, batch * k * n)];
                const c = tf.matMul(
                  tf.tensor(a, [...outer, ...(transposeA ? [k, m] : [m, k])]),
                  tf.tensor(b, [...outer, ...(transposeB ? [n, k] : [k, n])]),
                  transposeA === 1,
                  transposeB === 1,
                );
                expect(c.shape).toEqual([...outer, m, n]);
                const shape = [batch, m, k, n] as const;
                expectClose(c, reference(a, b, shape, transposeA === 1, transposeB === 1), 1e-6);
              });
            }
          }
        });
      } finally {
        tf.env().set(SIMD_FLAG, true);
      }
    });

    test('leaves operands that are broadcast to tfjs', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [a, b] = [normals(1, 2 * 40 * 41), normals(2, 41 * 42)];
          const c = tf.matMul(tf.tensor3d(a, [2, 40, 41]), tf.tensor3d(b, [1, 41, 42]));
          const twice = Float32Array.of(...b, ...b);
          expectClose(c, reference(a, twice, [2, 40, 41, 42], false, false), 1e-6);
        }),
      );
    });

    test('empty ones', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          expect(batchMatMul(tf.zeros([0, 3, 4]), tf.zeros([0, 4, 2])).shape).toEqual([0, 3, 2]);
          const none = batchMatMul(tf.zeros([2, 3, 0]), tf.zeros([2, 0, 2]));
          expect([...none.dataSync()]).toEqual(Array.from({ length: 12 }, () => 0));
        }),
      );
    });
  },
  { only: ['wasm'] },
);
