/**
 * Products of matrices with a transposed second operand in tfjs's own kernels on webgpu, without this package: those
 * of many terms are wrong in tfjs-backend-webgpu 4.22 on software drivers.
 */
import * as tf from '@tensorflow/tfjs-core';

import { uniform } from '../../src/doctor/numbers';
import { MARK } from '../suite/messages';
import type { SplitProduct } from '../suite/results';
import { provideWebgpu } from './dawn';

/** Rows, terms and columns; from 2,000 terms on tfjs may split the sums. */
const SIZES = [
  [2, 2048, 512],
  [16, 2048, 16],
  [32, 2048, 32],
  [64, 2048, 64],
  [8, 4096, 64],
  [32, 1024, 32],
] as const;

/** Above this it is no rounding. */
const WRONG = 1e-3;

async function tried(rows: number, terms: number, columns: number): Promise<SplitProduct> {
  const size = { rows, terms, columns };
  const a = uniform(rows * terms, 0, 1, 1);
  const b = uniform(columns * terms, 0, 1, 2);
  try {
    const y = tf.tidy(() =>
      tf.matMul(tf.tensor2d(a, [rows, terms]), tf.tensor2d(b, [columns, terms]), false, true),
    );
    const got = await y.data();
    y.dispose();
    let [off, all] = [0, 0];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < terms; k++) {
          sum += (a[i * terms + k] as number) * (b[j * terms + k] as number);
        }
        off += ((got[i * columns + j] as number) - sum) ** 2;
        all += sum ** 2;
      }
    }
    const error = Math.sqrt(off / all);
    const isNumber = Number.isFinite(error);
    const state = isNumber && error <= WRONG ? 'right' : 'wrong';
    return { ...size, error: isNumber ? error : null, state };
  } catch {
    return { ...size, error: null, state: 'fails' };
  }
}

provideWebgpu();
await import('@tensorflow/tfjs-backend-webgpu');
if (!(await tf.setBackend('webgpu'))) throw new Error('webgpu found no adapter');
const found: SplitProduct[] = [];
for (const [rows, terms, columns] of SIZES) found.push(await tried(rows, terms, columns));
process.stdout.write(`${MARK}${JSON.stringify(found)}\n`, () => process.exit(0));
