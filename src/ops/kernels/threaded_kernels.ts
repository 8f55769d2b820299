/**
 * The kernels of the WebAssembly module, their work split over threads. Every value of a result is computed by
 * one thread, in the order in which a single one computes it, so that the results are the same to the bit
 * for any number of threads.
 */
import { SCORES_AT_A_TIME, type SimdKernels } from './simd_module';
import type { ThreadPool } from './thread_pool';
import { FLOAT, isLarge, LINE, type Range, ranges, rowRanges } from './thread_ranges';
import { threadedPasses } from './threaded_passes';

/** Work of a product, in multiplications, below which handing it over costs more than it gains. */
const MIN_PRODUCTS = 1 << 19;
/** Rows that `gemm` computes at a time, and columns that it packs; see `wasm/assembly/gemm.ts`. */
const TILE_ROWS = 4;
const BLOCK_COLUMNS = 512;
/** Which argument of the products is their scratch memory. */
const GEMM_SCRATCH = 9;
/** Numbers that share a scale; see `adamw_8bit.ts`. */
const MOMENTS = 256;

/** The kernels of `own` with `pool`; small work is left to the caller's thread. */
export function threadedKernels(own: SimdKernels, pool: ThreadPool): SimdKernels {
  const { threads } = pool;
  const split = (length: number, grain: number): Range[] => ranges(length, threads, grain);
  const splitRows = (rows: number, columns: number) => rowRanges(rows, columns, threads);

  const gemm: SimdKernels['gemm'] = (a, b, bias, c, m, n, k, tA, tB, scratch, ...strides) => {
    const [aStride, bStride, cStride, adds = 0] = strides;
    const rest = [tA, tB, scratch, aStride, bStride, cStride, adds] as const;
    if (m * n * k < MIN_PRODUCTS) return own.gemm(a, b, bias, c, m, n, k, ...rest);
    // Rows of c: every thread packs all of b. Columns: every thread packs all of a, once for each
    // block of columns. Whichever repeats less.
    const byRows = (threads - 1) * k * n;
    const blocks = threads * Math.ceil(n / threads / BLOCK_COLUMNS);
    const byColumns = m * k * (blocks - Math.ceil(n / BLOCK_COLUMNS));
    const narrow = n < LINE * threads;
    if (narrow || (byRows < byColumns && m >= TILE_ROWS * threads)) {
      const aStep = FLOAT * (tA ? 1 : aStride);
      const parts = split(m, TILE_ROWS).map(([row, count]) => {
        return [a + aStep * row, b, bias, c + FLOAT * cStride * row, count, n, k, ...rest];
      });
      pool.run('gemm', parts, GEMM_SCRATCH);
    } else {
      const bStep = FLOAT * (tB ? bStride : 1);
      const parts = split(n, LINE).map(([column, count]) => {
        const [at, from] = [FLOAT * column, b + bStep * column];
        return [a, from, bias === 0 ? 0 : bias + at, c + at, m, count, k, ...rest];
      });
      pool.run('gemm', parts, GEMM_SCRATCH);
    }
  };

  return {
    ...own,
    ...threadedPasses(own, pool),
    gemm,

    gelu(x, y, count) {
      if (!isLarge(count)) return own.gelu(x, y, count);
      const parts = split(count, LINE).map(([at, n]) => [x + FLOAT * at, y + FLOAT * at, n]);
      pool.run('gelu', withoutRemnant(parts, 2));
    },

    geluGrad(x, dy, dx, count) {
      if (!isLarge(count)) return own.geluGrad(x, dy, dx, count);
      const parts = split(count, LINE).map(([at, n]) => {
        const offset = FLOAT * at;
        return [x + offset, dy + offset, dx + offset, n];
      });
      pool.run('geluGrad', withoutRemnant(parts, 3));
    },

    layerNorm(x, xhat, rstd, rows, columns, epsilon) {
      if (!isLarge(rows * columns)) return own.layerNorm(x, xhat, rstd, rows, columns, epsilon);
      const parts = splitRows(rows, columns).map(([row, n]) => {
        const offset = FLOAT * row * columns;
        return [x + offset, xhat + offset, rstd + FLOAT * row, n, columns, epsilon];
      });
      pool.run('layerNorm', parts);
    },

    layerNormGrad(dy, xhat, rstd, dx, rows, columns) {
      if (!isLarge(rows * columns)) return own.layerNormGrad(dy, xhat, rstd, dx, rows, columns);
      const parts = splitRows(rows, columns).map(([row, n]) => {
        const offset = FLOAT * row * columns;
        return [dy + offset, xhat + offset, rstd + FLOAT * row, dx + offset, n, columns];
      });
      pool.run('layerNormGrad', parts);
    },

    gemmBatch(a, b, c, batch, m, n, k, tA, tB, scratch) {
      const shape = [m, n, k, tA, tB, scratch] as const;
      const at = (i: number) => {
        return [a + FLOAT * i * m * k, b + FLOAT * i * k * n, c + FLOAT * i * m * n] as const;
      };
      if (batch * m * n * k < MIN_PRODUCTS) return own.gemmBatch(a, b, c, batch, ...shape);
      if (batch < threads) {
        for (let i = 0; i < batch; i++) {
          const [from, by, to] = at(i);
          gemm(from, by, 0, to, ...shape, tA ? m : k, tB ? k : n, n);
        }
        return;
      }
      const parts = split(batch, 1).map(([i, count]) => [...at(i), count, ...shape]);
      pool.run('gemmBatch', parts, GEMM_SCRATCH);
    },

    attention(...args) {
      const parts = headParts(args, 5);
      if (parts === null) return own.attention(...args);
      pool.run('attention', parts, args.length - 1);
    },

    attentionGrad(...args) {
      const parts = headParts(args, 9);
      if (parts === null) return own.attentionGrad(...args);
      pool.run('attentionGrad', parts, args.length - 1);
    },

    depthwiseFilterGrad(x, dy, dw, ...geometry) {
      const parts = channelParts(x, dy, dw, geometry);
      if (parts === null) return own.depthwiseFilterGrad(x, dy, dw, ...geometry);
      pool.run('depthwiseFilterGrad', parts);
    },

    depthwiseInputGrad(dy, filter, dx, ...geometry) {
      const parts = channelParts(dy, filter, dx, geometry);
      if (parts === null) return own.depthwiseInputGrad(dy, filter, dx, ...geometry);
      pool.run('depthwiseInputGrad', parts);
    },

    adamw(...args) {
      const tensors = args.slice(0, 7);
      const [count, ...rest] = args.slice(7) as [number, ...number[]];
      if (!isLarge(count)) return own.adamw(...args);
      const parts = split(count, LINE).map(([at, n]) => {
        // Moments that are not there yet have no address.
        const addresses = tensors.map((address) => address && address + FLOAT * at);
        return [...addresses, n, ...rest];
      });
      pool.run('adamw', parts);
    },

    adamw8bit(...args) {
      const [w, y, g, m, mScale, v, vScale, count, ...rest] = args as EightBit;
      if (!isLarge(count)) return own.adamw8bit(...args);
      // The scratch memory, which is the last argument, must be each thread's own.
      const parts = split(count, MOMENTS).map(([at, n]) => {
        const [words, scale] = [FLOAT * at, (FLOAT * at) / MOMENTS];
        const moments = [m + at, mScale + scale, v + at, vScale + scale];
        return [w + words, y + words, g + words, ...moments, n, ...rest];
      });
      pool.run('adamw8bit', parts, args.length - 1);
    },
  };

  /** Arguments for some of the heads each, whose range is at `rangeAt`; null where one thread is to do it. */
  function headParts(args: readonly number[], rangeAt: number): number[][] | null {
    const numbers = args.slice(rangeAt) as AttentionNumbers;
    const [first, count, , t, s, d, e, , , padded, tile] = numbers;
    const fits = tile * padded <= SCORES_AT_A_TIME;
    if (!fits || count < 2 || count * t * s * (d + e) < MIN_PRODUCTS) return null;
    const [before, rest] = [args.slice(0, rangeAt), args.slice(rangeAt + 2)];
    return split(count, 1).map(([at, n]) => [...before, first + at, n, ...rest]);
  }

  /** Arguments for some of the channels each: three addresses, then batch, height, width, channels, ... */
  function channelParts(
    first: number,
    second: number,
    third: number,
    geometry: readonly number[],
  ): number[][] | null {
    const [batch, height, width, channels, ...rest] = geometry as [
      ...[number, number, number, number],
      ...number[],
    ];
    if (!isLarge(batch * height * width * channels) || channels < 2 * LINE) return null;
    return split(channels, LINE).map(([at, count]) => {
      const addresses = [first, second, third].map((address) => address + FLOAT * at);
      return [...addresses, batch, height, width, count, ...rest];
    });
  }
}

type AttentionNumbers = [
  ...[first: number, count: number, heads: number, t: number, s: number, d: number, e: number],
  ...[scale: number, causalOffset: number, padded: number, tile: number, scratch: number],
];

type EightBit = [
  ...[w: number, y: number, g: number, m: number, mScale: number],
  ...[v: number, vScale: number, count: number],
  ...number[],
];

/** GELU takes no fewer than 4 values at a time: a last part of fewer joins the one before it. */
function withoutRemnant(parts: number[][], countAt: number): number[][] {
  const last = parts.at(-1);
  const before = parts.at(-2);
  if (last === undefined || before === undefined || (last[countAt] as number) >= 4) return parts;
  const joined = [...before];
  joined[countAt] = (before[countAt] as number) + (last[countAt] as number);
  return [...parts.slice(0, -2), joined];
}
