/** The step of AdamW with 8-bit moments, against its definition with the nearest code looked for by trying all. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { runKernel } from '../../../src/ops/engine/kernel';
import { ADAMW_8BIT } from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { describeBackends, expectClose, expectNoLeak, relativeError } from '../../support/backends';
import { normals } from '../../support/training_step';

/** Seven decades, each with twice as many evenly spaced numbers as the one below. */
function table(signed: boolean): number[] {
  const positive: number[] = [];
  for (let decade = 0; decade < 7; decade++) {
    const parts = (signed ? 1 : 2) * 2 ** decade;
    for (let k = 0; k < parts; k++) {
      const [from, to] = [0.1, 1].map((x) => x * 10 ** (decade - 6)) as [number, number];
      positive.push(from + ((to - from) * (2 * k + 1)) / (2 * parts));
    }
  }
  const negative = signed ? positive.map((x) => -x) : [];
  return [...negative, 0, ...positive, 1].sort((a, b) => a - b);
}

const TABLES = { m: table(true), v: table(false) };

function nearest(values: readonly number[], x: number): number {
  let best = 0;
  values.forEach((value, code) => {
    if (Math.abs(value - x) < Math.abs((values[best] as number) - x)) best = code;
  });
  return best;
}

const RATES = { beta1: 0.9, beta2: 0.99, kept: 0.98, size: 0.1, epsilon: 1e-6 };

/** Steps of the definition in double precision. */
function reference(size: number, gradients: ArrayLike<number>[]): number[] {
  const w = [...normals(7, size)];
  const zeros = () => w.map(() => 0);
  const [m, v] = [zeros(), zeros()];
  for (const g of gradients) {
    for (let i = 0; i < size; i++) {
      const gradient = g[i] as number;
      const first = RATES.beta1 * (m[i] as number) + (1 - RATES.beta1) * gradient;
      const square = RATES.beta2 * (v[i] as number) + (1 - RATES.beta2) * gradient ** 2;
      m[i] = first;
      v[i] = square;
      const change = (RATES.size * first) / (Math.sqrt(square) + RATES.epsilon);
      w[i] = RATES.kept * (w[i] as number) - change;
    }
    for (let start = 0; start < size; start += 256) {
      for (const [key, moments] of [
        ['m', m],
        ['v', v],
      ] as ['m' | 'v', number[]][]) {
        const block = moments.slice(start, start + 256);
        const top = Math.max(...block.map(Math.abs));
        block.forEach((x, i) => {
          if (top === 0) return;
          const code = nearest(TABLES[key], x / top);
          const safe = key === 'v' && x > 0 ? Math.max(1, code) : code;
          moments[start + i] = (TABLES[key][safe] as number) * top;
        });
      }
    }
  }
  return w;
}

/** The same by the kernel: the weight, and all bytes and scales. */
function byKernel(size: number, gradients: Float32Array[]): { w: number[]; state: number[][] } {
  return tf.tidy(() => {
    const blocks = Math.ceil(size / 256);
    let weight: tf.Tensor = tf.tensor(normals(7, size));
    const [m, v] = [tf.zeros([size], 'bool'), tf.zeros([size], 'bool')];
    const [mScale, vScale] = [tf.zeros([blocks]), tf.zeros([blocks])];
    for (const g of gradients) {
      const inputs = { weight, gradient: tf.tensor(g), m, mScale, v, vScale };
      weight = runKernel(ADAMW_8BIT.name, inputs, RATES);
    }
    return {
      w: [...weight.dataSync()],
      state: [m, v, mScale, vScale].map((t) => [...t.dataSync()]),
    };
  });
}

/** Gradients of very different sizes, some of them 0. */
function gradientsOf(size: number, steps: number): Float32Array[] {
  return Array.from({ length: steps }, (_, t) => {
    const sizes = normals(900 + t, size);
    return normals(31 * t + size, size).map((x, i) =>
      i % 17 === 0 ? 0 : x * 10 ** (2 * (sizes[i] as number)),
    );
  });
}

describeBackends(
  'AdamW with 8-bit moments',
  () => {
    afterEach(() => tf.env().set(SIMD_FLAG, true));

    test('is its definition, and the same to the bit in plain loops', async () => {
      expect(hasKernel(ADAMW_8BIT)).toBe(true);
      await expectNoLeak(() => {
        for (const size of [1, 3, 255, 256, 700]) {
          const gradients = gradientsOf(size, 4);
          const simd = byKernel(size, gradients);
          expectClose(simd.w, reference(size, gradients), 2e-4, `${size}`);
          tf.env().set(SIMD_FLAG, false);
          expect(byKernel(size, gradients)).toEqual(simd);
          tf.env().set(SIMD_FLAG, true);
        }
      });
    });

    test('weights of several pieces are the same in SIMD and in loops', () => {
      const size = 2 * 65536 + 300;
      const gradients = gradientsOf(size, 2);
      const simd = byKernel(size, gradients);
      tf.env().set(SIMD_FLAG, false);
      const loops = byKernel(size, gradients);
      expect(relativeError(simd.w, loops.w)).toBe(0);
      loops.state.forEach((values, i) => {
        expect(relativeError(simd.state[i] as number[], values)).toBe(0);
      });
    });

    test('numbers that are none stay none', () => {
      for (const flag of [true, false]) {
        tf.env().set(SIMD_FLAG, flag);
        const bad = new Float32Array(300).fill(1);
        bad[5] = NaN;
        const { w } = byKernel(300, [bad, new Float32Array(300).fill(1)]);
        expect(w[5]).toBeNaN();
        expect(w.slice(256).every(Number.isFinite)).toBe(true);
      }
    });

    test('shapes that do not fit are refused', () => {
      tf.tidy(() => {
        const [four, one, codes] = [tf.zeros([4]), tf.zeros([1]), tf.zeros([4], 'bool')];
        const inputs = {
          weight: four,
          gradient: one,
          m: codes,
          mScale: one,
          v: codes,
          vScale: one,
        };
        const run = (changes: tf.NamedTensorMap) =>
          runKernel(ADAMW_8BIT.name, { ...inputs, ...changes }, RATES);
        expect(() => run({})).toThrow('gradient [1]');
        expect(() => run({ gradient: four, m: four })).toThrow('m is float32, only bool');
      });
    });

    test('the first step is that of float32 moments, and the way down is as steep', () => {
      const [target, start] = [normals(2, 5000), normals(1, 5000)];
      const run = (moments: 'float32' | '8bit', steps: number) =>
        tf.tidy(() => {
          const w = tf.variable(tf.tensor(start, [50, 100]), true, 'a/kernel');
          const goal = tf.tensor(target, [50, 100]);
          const optimizer = new AdamW({ learningRate: 0.02, moments });
          for (let i = 0; i < steps; i++) {
            optimizer.minimize(() => tf.sum(tf.squaredDifference(w, goal)) as tf.Scalar, false, [
              w,
            ]);
          }
          const values = [...w.dataSync()];
          optimizer.dispose();
          w.dispose();
          return values;
        });
      expectClose(run('8bit', 1), run('float32', 1), 1e-6);
      const left = (moments: 'float32' | '8bit') => relativeError(run(moments, 40), target);
      expect(left('float32')).toBeLessThan(0.8 * relativeError(start, target));
      expect(left('8bit') / left('float32')).toBeCloseTo(1, 1);
    });
  },
  { only: ['wasm', 'tensorflow'] },
);
