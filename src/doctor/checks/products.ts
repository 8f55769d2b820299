/**
 * Checks products of matrices, each way round. Their sums are long enough for the program of
 * tfjs-backend-webgpu that splits them, which tfjs 4.22 has wrong and this package mends.
 */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../../ops/engine/lost_backend';
import { judge, type Pair } from '../compare';
import { uniform } from '../numbers';
import type { Check } from './check';

const NAME = 'products of matrices';
const ROWS = 24;
const COLUMNS = 24;
const TERMS = 2048;

/** `a b` in double precision: a `[ROWS, TERMS]`, b `[TERMS, COLUMNS]`. */
function product(a: Float32Array, b: Float32Array): Float64Array {
  const sums = new Float64Array(ROWS * COLUMNS);
  for (let i = 0; i < ROWS; i++) {
    for (let k = 0; k < TERMS; k++) {
      const factor = a[i * TERMS + k] as number;
      for (let j = 0; j < COLUMNS; j++) {
        sums[i * COLUMNS + j] =
          (sums[i * COLUMNS + j] as number) + factor * (b[k * COLUMNS + j] as number);
      }
    }
  }
  return sums;
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
}

export const products: Check = {
  name: NAME,
  trains: false,
  run: async () => {
    const a = uniform(ROWS * TERMS, 0, 1, 1);
    const b = uniform(TERMS * COLUMNS, 0, 1, 2);
    const expected = product(a, b);
    const pairs: Pair[] = [];
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
    ] as const) {
      const y = tf.tidy(() =>
        tf.matMul(
          transposeA
            ? tf.tensor2d(transposed(a, ROWS, TERMS), [TERMS, ROWS])
            : tf.tensor2d(a, [ROWS, TERMS]),
          transposeB
            ? tf.tensor2d(transposed(b, TERMS, COLUMNS), [COLUMNS, TERMS])
            : tf.tensor2d(b, [TERMS, COLUMNS]),
          transposeA,
          transposeB,
        ),
      );
      const which = transposeA ? 'first' : transposeB ? 'second' : 'neither';
      try {
        pairs.push({ name: `${which} transposed`, got: await readTensor(y), expected });
      } finally {
        y.dispose();
      }
    }
    return judge(NAME, pairs, 1e-5);
  },
};
