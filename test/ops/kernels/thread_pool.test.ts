import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';

import { threadsOfNode } from '../../../src/ops/kernels/node_threads';
import {
  compileKernels,
  instantiate,
  SCORES_AT_A_TIME,
  type SimdKernels,
} from '../../../src/ops/kernels/simd_module';
import { type PoolPatience, ThreadPool } from '../../../src/ops/kernels/thread_pool';
import { ranges } from '../../../src/ops/kernels/thread_ranges';
import type { StartThread } from '../../../src/ops/kernels/thread_worker';
import { threadedKernels } from '../../../src/ops/kernels/threaded_kernels';
import { normals } from '../../support/training_step';

const MEMORY = new WebAssembly.Memory({ initial: 512, maximum: 65536, shared: true });
const MODULE = compileKernels(true) as WebAssembly.Module;
const KERNELS = instantiate(MEMORY, MODULE) as SimdKernels;

/** Scratch memory of one thread, and of all of them; operands lie behind it. */
const SCRATCH = KERNELS.BLOCK_SCRATCH.value + 8 * SCORES_AT_A_TIME + 128;
const OPERANDS = 24 * SCRATCH;

/** Hands out addresses of a part of the memory, one behind the other. */
class Heap {
  constructor(
    private at: number,
    private readonly end: number,
  ) {}

  readonly allocate = (bytes: number): number => {
    const address = this.at;
    this.at += Math.ceil(bytes / 64) * 64;
    if (this.at > this.end) throw new Error('the memory is too small');
    return address;
  };
}

const scratches = new Heap(64, OPERANDS);

const pools: ThreadPool[] = [];

function makePool(
  threads: number,
  start: StartThread = threadsOfNode({ Worker }),
  patience?: PoolPatience,
  kernels = KERNELS,
): ThreadPool {
  const parts = { kernels, module: MODULE, memory: MEMORY, start, free: () => undefined };
  const pool = new ThreadPool(threads, { ...parts, allocate: scratches.allocate }, patience);
  pools.push(pool);
  return pool;
}

afterAll(() => pools.forEach((pool) => pool.close()));

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Runs until another thread has done some of the work. */
function untilShared(pool: ThreadPool, run: () => void): void {
  const before = pool.taken;
  for (let i = 0; i < 20000 && pool.taken === before; i++) {
    run();
    // Time for a thread to start, and for the processor to turn to it.
    if (i % 10 === 9) sleep(1);
  }
  expect(pool.taken).toBeGreaterThan(before);
}

/** A kernel with operands in the memory: where its results are, and how to run it. */
interface Case {
  run: (kernels: SimdKernels) => void;
  /** Addresses and lengths of results, in floats; they are reset to 0 before each run. */
  results: [address: number, length: number][];
}

let seed = 0;
let operands = new Heap(OPERANDS, MEMORY.buffer.byteLength);

function operand(length: number): number {
  const address = operands.allocate(4 * length + 64);
  new Float32Array(MEMORY.buffer, address, length).set(normals(++seed, length));
  return address;
}

const scratch = scratches.allocate(SCRATCH);

const size = (min: number, max: number) => fc.integer({ min, max });

const CASES: Record<string, fc.Arbitrary<() => Case>> = {
  gelu: size(16384, 17000).map((n) => () => {
    const [x, dy, y, dx] = [operand(n), operand(n), operand(n), operand(n)];
    const run = (kernels: SimdKernels) => {
      kernels.gelu(x, y, n);
      kernels.geluGrad(x, dy, dx, n);
    };
    return {
      run,
      results: [
        [y, n],
        [dx, n],
      ],
    };
  }),
  'layer norm': fc.tuple(size(2, 700), size(24, 70)).map(([rows, more]) => () => {
    const columns = more + Math.ceil(16384 / rows);
    const n = rows * columns;
    const [x, dy, xhat, rstd, dx] = [n, n, n, rows, n].map(operand) as Five;
    const run = (kernels: SimdKernels) => {
      kernels.layerNorm(x, xhat, rstd, rows, columns, 1e-6);
      kernels.layerNormGrad(dy, xhat, rstd, dx, rows, columns);
    };
    return {
      run,
      results: [
        [xhat, n],
        [rstd, rows],
        [dx, n],
      ],
    };
  }),
  passes: fc.tuple(size(2, 700), size(1, 70), fc.boolean()).map(([rows, more, isVector]) => () => {
    const columns = more + Math.ceil(16384 / rows);
    const n = rows * columns;
    const [x, other, y, undone] = [n, isVector ? columns : n, n, n].map(operand) as Four;
    const [scale, sums, totals] = [columns, columns, 2 * columns].map(operand) as Three;
    const run = (kernels: SimdKernels) => {
      const step = isVector ? 0 : columns;
      kernels.scaledSum(x, scale, other, y, rows, columns, step, 0.3);
      kernels.undoLevel(x, y, scale, undone, rows, columns);
      kernels.productSum(x, y, sums, totals, rows, columns, columns);
    };
    return {
      run,
      results: [
        [y, n],
        [undone, n],
        [sums, columns],
      ],
    };
  }),
  resizes: fc.tuple(size(2, 40), size(2, 40), size(1, 20)).map(([rows, width, more]) => () => {
    const channels = more + Math.ceil(4096 / (rows * width));
    const n = rows * width * channels;
    const [x, dx, large, y] = [n, n, 4 * n, 4 * n].map(operand) as Four;
    const run = (kernels: SimdKernels) => {
      kernels.doubledSum(x, large, y, rows, width, channels);
      kernels.doubledGrad(large, dx, rows, width, channels);
    };
    return {
      run,
      results: [
        [y, 4 * n],
        [dx, n],
      ],
    };
  }),
  depthwise: fc
    .tuple(size(32, 70), size(1, 5), fc.boolean())
    .map(([channels, side, biased]) => () => {
      const pixels = 2 * 24 * 24;
      const [x, other, y] = [pixels, pixels, pixels].map((n) => operand(n * channels)) as Three;
      const w = operand(side * side * channels);
      const [before, step] = [Math.floor(side / 2), biased ? 0 : channels];
      return {
        run: (kernels) =>
          kernels.depthwise(x, w, other, y, 2, 24, 24, channels, side, before, step, channels),
        results: [[y, pixels * channels]],
      };
    }),
  'column sum': fc.tuple(size(240, 700), size(70, 100)).map(([rows, columns]) => () => {
    const [x, y, totals] = [operand(rows * columns), operand(columns), operand(2 * columns)];
    return {
      run: (kernels) => kernels.columnSum(x, y, totals, rows, columns, columns),
      results: [[y, columns]],
    };
  }),
  product: fc
    .tuple(size(1, 90), size(1, 90), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([m, n, tA, tB, biased, wide]) => () => {
      const [rows, columns] = wide ? [m, n + 560] : [m + 200, n];
      const k = Math.ceil(2 ** 19 / (rows * columns));
      const [a, b, c] = [operand(rows * k), operand(k * columns), operand(rows * columns)];
      const bias = biased ? operand(columns) : 0;
      const strides = [tA ? rows : k, tB ? k : columns, columns] as const;
      const flags = [Number(tA), Number(tB), scratch] as const;
      return {
        run: (kernels) => {
          kernels.gemm(a, b, bias, c, rows, columns, k, ...flags, ...strides);
          kernels.gemm(a, b, 0, c, rows, columns, k, ...flags, ...strides, 1);
        },
        results: [[c, rows * columns]],
      };
    }),
  products: fc
    .tuple(size(1, 9), size(20, 60), size(20, 60), fc.boolean(), fc.boolean())
    .map(([batch, m, n, tA, tB]) => () => {
      const k = Math.ceil(2 ** 19 / (batch * m * n));
      const [a, b, c] = [operand(batch * m * k), operand(batch * k * n), operand(batch * m * n)];
      const flags = [Number(tA), Number(tB), scratch] as const;
      return {
        run: (kernels) => kernels.gemmBatch(a, b, c, batch, m, n, k, ...flags),
        results: [[c, batch * m * n]],
      };
    }),
  attention: fc.tuple(size(2, 5), size(40, 80), fc.boolean()).map(([heads, t, causal]) => () => {
    const s = t + 3;
    const d = Math.ceil(2 ** 18 / (heads * t * s));
    const [q, y, dy, dq] = [t, t, t, t].map((rows) => operand(rows * heads * d)) as Four;
    const [k, v, dk, dv] = [s, s, s, s].map((rows) => operand(rows * heads * d)) as Four;
    const padded = Math.ceil(s / 4) * 4;
    const offset = causal ? 3 : 2 ** 30;
    const rest = [0, heads, heads, t, s, d, d, 0.5, offset, padded, 64, scratch];
    const run = (kernels: SimdKernels) => {
      kernels.attention(q, k, v, 0, y, ...rest);
      kernels.attentionGrad(q, k, v, 0, y, dy, dq, dk, dv, ...rest);
    };
    const [queries, keys] = [t * heads * d, s * heads * d];
    return {
      run,
      results: [
        [y, queries],
        [dq, queries],
        [dk, keys],
        [dv, keys],
      ],
    };
  }),
  adamw: fc.tuple(size(16384, 17000), fc.boolean()).map(([n, isFirst]) => () => {
    const tensors = Array.from({ length: 7 }, () => operand(n));
    const [w, g, m, v, ...results] = tensors as [...Four, ...Three];
    const squares = new Float32Array(MEMORY.buffer, v, n);
    squares.set(squares.map(Math.abs));
    const moments = isFirst ? [0, 0] : [m, v];
    const rates = [0.9, 0.999, 0.1, 0.001, 0.99, 0.01, 1e-8];
    return {
      run: (kernels) => kernels.adamw(w, g, ...moments, ...results, n, ...rates),
      results: results.map((at): [number, number] => [at, n]),
    };
  }),
  'depthwise gradients': fc
    .record({
      channels: size(32, 70),
      filter: size(1, 5),
      stride: size(1, 2),
      dilation: size(1, 2),
    })
    .map(({ channels, filter, stride, dilation }) => () => {
      const side = 24;
      const pad = Math.floor((dilation * (filter - 1)) / 2);
      const out = Math.floor((side + 2 * pad - dilation * (filter - 1) - 1) / stride) + 1;
      const [pixels, outPixels, taps] = [2 * side * side, 2 * out * out, filter * filter];
      const [x, dy, w] = [pixels, outPixels, taps].map((n) => operand(n * channels)) as Three;
      const [dx, dw] = [pixels, taps].map((n) => operand(n * channels)) as Two;
      const geometry = [
        ...[2, side, side, channels, out, out, filter, filter],
        ...[stride, stride, dilation, dilation, pad, pad, channels],
      ];
      const run = (kernels: SimdKernels) => {
        kernels.depthwiseFilterGrad(x, dy, dw, ...geometry);
        kernels.depthwiseInputGrad(dy, w, dx, ...geometry);
      };
      return {
        run,
        results: [
          [dx, pixels * channels],
          [dw, taps * channels],
        ],
      };
    }),
};

type Two = [number, number];
type Three = [...Two, number];
type Four = [...Three, number];
type Five = [...Three, number, number];

describe.each([2, 3])('kernels on %d threads', (threads) => {
  const pool = makePool(threads);
  const threaded = threadedKernels(KERNELS, pool);

  test.each(Object.entries(CASES))('%s: the same bits as on one', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (prepare) => {
        operands = new Heap(OPERANDS, MEMORY.buffer.byteLength);
        const { run, results } = prepare();
        const bits = (kernels: SimdKernels) => {
          for (const [at, length] of results) new Int32Array(MEMORY.buffer, at, length).fill(0);
          run(kernels);
          return results.map(([at, n]) => new Int32Array(MEMORY.buffer, at, n).slice());
        };
        const expected = bits(KERNELS);
        untilShared(pool, () => {
          const got = bits(threaded);
          const alike = got.map((values, i) => values.every((v, j) => v === expected[i]?.[j]));
          expect(alike).toEqual(results.map(() => true));
        });
      }),
      { numRuns: 3, seed: 3 },
    );
  });
});

describe('a pool', () => {
  const n = 4096;
  const [x, y] = [operand(n), operand(n)];
  const halves = ranges(n, 2, 16).map(([at, count]) => [x + 4 * at, y + 4 * at, count]);

  test('cuts work into parts of whole grains', () => {
    expect(ranges(100, 3, 16)).toEqual([
      [0, 48],
      [48, 48],
      [96, 4],
    ]);
    expect(ranges(5, 4, 4)).toEqual([
      [0, 4],
      [4, 1],
    ]);
    expect(ranges(0, 2, 1)).toEqual([]);
  });

  test('computes by itself where threads cannot be started, and soon no longer tries', () => {
    let tries = 0;
    const pool = makePool(2, () => {
      tries++;
      throw new Error('forbidden');
    });
    for (let i = 0; i < 10; i++) pool.run('gelu', halves);
    expect({ tries, taken: pool.taken }).toEqual({ tries: 3, taken: 0 });
  });

  test('starts a thread that has ended again', () => {
    let starts = 0;
    const ends: (() => void)[] = [];
    const start = threadsOfNode({ Worker });
    const pool = makePool(
      2,
      (task, onGone) => {
        starts++;
        const thread = start(task, onGone);
        ends.push(() => thread.end());
        return thread;
      },
      { idle: 1 },
    );
    // Asleep for longer than it may be, it ends between two pieces of work.
    for (let i = 0; i < 20000 && starts < 2; i++) {
      pool.run('gelu', halves);
      sleep(2);
    }
    expect(starts).toBe(2);
    ends.forEach((end) => end());
  });

  test('does without threads once one has failed, and says so', () => {
    const pool = makePool(2);
    untilShared(pool, () => pool.run('gelu', halves));
    // Only another thread reads beyond the memory: this one is told to stay out of it.
    const { gelu } = KERNELS;
    const broken = makePool(2, undefined, undefined, {
      ...KERNELS,
      gelu: (from, to, count) => (from < 2 ** 31 ? gelu(from, to, count) : undefined),
    });
    const wrong = halves.map(([, to, count]) => [2 ** 31, to, count] as number[]);
    expect(() => untilShared(broken, () => broken.run('gelu', wrong))).toThrow(
      'wasm: a thread failed in kernel gelu; from now on its kernels run on one thread',
    );
    const { taken } = broken;
    for (let i = 0; i < 100; i++) broken.run('gelu', halves);
    expect(broken.taken).toBe(taken);
  });

  test('throws what a kernel throws in the caller, and goes on', () => {
    const pool = makePool(2);
    const wrong = halves.map(([, to, count]) => [2 ** 31, to, count] as number[]);
    expect(() => pool.run('gelu', wrong)).toThrow(WebAssembly.RuntimeError);
    untilShared(pool, () => pool.run('gelu', halves));
  });

  test('gives up a thread that does not come back', () => {
    const stuck: StartThread = (task) => {
      const words = new Int32Array(task.control);
      Atomics.store(words, 64 + task.index, 1);
      return { end: () => undefined };
    };
    const { gelu } = KERNELS;
    const pool: ThreadPool = makePool(
      2,
      stuck,
      { limit: 5, spins: 10 },
      {
        ...KERNELS,
        gelu: (from, to, count) => {
          // In place of the thread: takes a part and never finishes it.
          Atomics.sub(pool['words'], 16, 1);
          gelu(from, to, count);
        },
      },
    );
    pool.run('gelu', halves);
    expect(() => pool.run('gelu', halves)).toThrow('did not finish within 5 ms');
    pool.run('gelu', halves);
  });
});
