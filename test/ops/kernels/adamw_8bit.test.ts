/** The step of AdamW with 8-bit moments, against its definition with the nearest code looked for by trying all. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { AdamW } from 'tfjs-revcol';
import { runKernel } from '../../../src/ops/engine/kernel';
import { ADAMW_8BIT } from '../../../src/ops/kernels/contract';
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
  relativeError,
} from '../../support/backends';
import { runs } from '../../support/runs';
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

/** A way of computing it, and how to have it taken. */
type Way = [name: string, take: () => void];

/** All ways of a backend, the plainest first. On tensorflow also those of the package's own library, where it is built. */
function waysOf(backend: string): Way[] {
  const flags = (simd: boolean, native: boolean) => () => {
    tf.env().set(SIMD_FLAG, simd);
    if (backend === 'tensorflow') tf.env().set(NATIVE_FLAG, native);
  };
  const ways: Way[] = [
    ['loops', flags(false, false)],
    ['SIMD', flags(true, false)],
  ];
  if (backend !== 'tensorflow' || !HAS_OPERATIONS) return ways;
  flags(true, true)();
  const natively = instructionSets().flatMap((instructions) =>
    [1, 3].map((threads): Way => [
      `${instructions} ${threads}`,
      () => {
        flags(true, true)();
        chooseNative(instructions, threads);
      },
    ]),
  );
  return [...ways, ...natively];
}

/** What is computed by each of some ways. */
function byEach<T>(ways: readonly Way[], compute: () => T): [name: string, T][] {
  return ways.map(([name, take]) => {
    take();
    return [name, compute()];
  });
}

type Result = ReturnType<typeof byKernel>;

/** Steps by each of some ways, all the same to the bit; gives what they come to. */
function sameByEach(ways: readonly Way[], size: number, gradients: Float32Array[]): Result {
  const bits = ({ w, state }: Result) =>
    [w, ...state].map((numbers) => new Uint32Array(Float32Array.from(numbers).buffer));
  const [[, first], ...others] = byEach(ways, () => byKernel(size, gradients)) as [
    [string, Result],
    ...[string, Result][],
  ];
  for (const [name, got] of others) {
    expect([size, name, bits(got)]).toEqual([size, name, bits(first)]);
  }
  return first;
}

describeBackends(
  'AdamW with 8-bit moments',
  (backend) => {
    let restore = () => undefined as unknown;
    beforeAll(() => {
      if (waysOf(backend).length === 2) return;
      const { instructions, threads } = chooseNative('', 0);
      restore = () => chooseNative(instructions, threads);
    });
    afterEach(() => {
      tf.env().set(SIMD_FLAG, true);
      if (backend === 'tensorflow') tf.env().set(NATIVE_FLAG, true);
      restore();
    });

    test('is its definition, and the same to the bit by every way', async () => {
      expect(hasKernel(ADAMW_8BIT)).toBe(true);
      await expectNoLeak(() => {
        for (const size of [1, 3, 255, 256, 700]) {
          const gradients = gradientsOf(size, 4);
          const { w } = sameByEach(waysOf(backend), size, gradients);
          expectClose(w, reference(size, gradients), 2e-4, `${size}`);
        }
      });
    });

    test('random sizes, and numbers whose squares are no normal numbers, too', async () => {
      const size = fc.integer({ min: 1, max: 9000 });
      await expectNoLeak(() =>
        fc.assert(
          fc.property(size, fc.constantFrom(1, 1e-21), fc.integer(), (n, scale, seed) => {
            const gradients = gradientsOf(n, 2).map((g, t) =>
              g.map((x, i) => x * scale * (((i + seed) % 5) + t)),
            );
            sameByEach(waysOf(backend), n, gradients);
          }),
          { numRuns: runs(4), seed: 7 },
        ),
      );
    });

    test('weights of several pieces are the same by every way', () => {
      const size = 2 * 65536 + 300;
      sameByEach(waysOf(backend).slice(0, 3), size, gradientsOf(size, 2));
    });

    test('numbers that are none stay none', () => {
      const bad = new Float32Array(300).fill(1);
      bad[5] = NaN;
      const rows = byEach(waysOf(backend), () =>
        byKernel(300, [bad, new Float32Array(300).fill(1)]),
      );
      for (const [, { w }] of rows) {
        expect(w[5]).toBeNaN();
        expect(w.slice(256).every(Number.isFinite)).toBe(true);
      }
    });

    test('what others have of the moments stays as it is, and ways may change between steps', () => {
      const gradients = gradientsOf(600, 4).map((g) => tf.tensor(g));
      const train = (take: (step: number) => void) =>
        tf.tidy(() => {
          const held = new Uint8Array(600);
          const m = tf.tensor(held, [600], 'bool');
          // A slice shares the memory of what it is of, where rows are aligned.
          const state = {
            m,
            v: tf.zeros([600], 'bool'),
            mScale: tf.zeros([3]),
            vScale: tf.zeros([3]),
          };
          let weight: tf.Tensor = tf.zeros([600]);
          const seen: [tf.Tensor, number[]][] = [];
          gradients.forEach((gradient, step) => {
            take(step);
            const part = tf.slice(m, [0], [512]);
            seen.push([part, [...part.dataSync()]]);
            weight = runKernel(ADAMW_8BIT.name, { weight, gradient, ...state }, RATES);
          });
          expect(held.every((x) => x === 0)).toBe(true);
          for (const [part, before] of seen) expect([...part.dataSync()]).toEqual(before);
          return [weight, ...Object.values(state)].map((t) => [...t.dataSync()]);
        });
      const ways = waysOf(backend);
      const [first, last] = [ways[0], ways[ways.length - 1]] as [Way, Way];
      const expected = train(first[1]);
      expect(train((step) => (step % 2 === 0 ? last : first)[1]())).toEqual(expected);
      tf.dispose(gradients);
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
