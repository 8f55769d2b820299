/** Kernels that go over images and matrices once, their work split over threads; see `threaded_kernels.ts`. */
import type { SimdKernels } from './simd_module';
import type { ThreadPool } from './thread_pool';
import { FLOAT, isLarge, LINE, ranges, rowRanges } from './thread_ranges';

type Passes =
  | 'columnSum'
  | 'productSum'
  | 'scaledSum'
  | 'undoLevel'
  | 'doubledSum'
  | 'doubledGrad'
  | 'depthwise';

/** These kernels of `own` with `pool`; small work is left to the caller's thread. */
export function threadedPasses(own: SimdKernels, pool: ThreadPool): Pick<SimdKernels, Passes> {
  const { threads } = pool;
  return {
    columnSum(x, y, totals, rows, columns, pitch) {
      if (!isLarge(rows * columns)) return own.columnSum(x, y, totals, rows, columns, pitch);
      const parts = ranges(columns, threads, LINE).map(([at, n]) => {
        return [x + FLOAT * at, y + FLOAT * at, totals + 2 * FLOAT * at, rows, n, pitch];
      });
      pool.run('columnSum', parts);
    },

    productSum(x, z, y, totals, rows, columns, pitch) {
      if (!isLarge(rows * columns)) return own.productSum(x, z, y, totals, rows, columns, pitch);
      const parts = ranges(columns, threads, LINE).map(([at, n]) => {
        const offset = FLOAT * at;
        return [x + offset, z + offset, y + offset, totals + 2 * offset, rows, n, pitch];
      });
      pool.run('productSum', parts);
    },

    scaledSum(x, scale, other, y, rows, columns, otherStep, factor) {
      const rest = [columns, otherStep, factor] as const;
      if (!isLarge(rows * columns)) return own.scaledSum(x, scale, other, y, rows, ...rest);
      const parts = rowRanges(rows, columns, threads).map(([row, n]) => {
        const offset = FLOAT * row * columns;
        const from = other && other + FLOAT * row * otherStep;
        return [x + offset, scale, from, y + offset, n, ...rest];
      });
      pool.run('scaledSum', parts);
    },

    undoLevel(c, f, alpha, y, rows, columns) {
      if (!isLarge(rows * columns)) return own.undoLevel(c, f, alpha, y, rows, columns);
      const parts = rowRanges(rows, columns, threads).map(([row, n]) => {
        const offset = FLOAT * row * columns;
        return [c + offset, f + offset, alpha, y + offset, n, columns];
      });
      pool.run('undoLevel', parts);
    },

    doubledSum(x, other, y, rows, width, channels) {
      const line = width * channels;
      if (!isLarge(4 * rows * line)) return own.doubledSum(x, other, y, rows, width, channels);
      const parts = rowRanges(rows, line, threads).map(([row, n]) => {
        const offset = FLOAT * row * line;
        return [x + offset, other + 4 * offset, y + 4 * offset, n, width, channels];
      });
      pool.run('doubledSum', parts);
    },

    doubledGrad(dy, dx, rows, width, channels) {
      const line = width * channels;
      if (!isLarge(4 * rows * line)) return own.doubledGrad(dy, dx, rows, width, channels);
      const parts = rowRanges(rows, line, threads).map(([row, n]) => {
        const offset = FLOAT * row * line;
        return [dy + 4 * offset, dx + offset, n, width, channels];
      });
      pool.run('doubledGrad', parts);
    },

    depthwise(x, w, start, y, ...geometry) {
      const [batch, height, width, channels, ...rest] = geometry;
      if (!isLarge(batch * height * width * channels) || channels < 2 * LINE) {
        return own.depthwise(x, w, start, y, ...geometry);
      }
      const parts = ranges(channels, threads, LINE).map(([at, count]) => {
        const addresses = [x, w, start, y].map((address) => address + FLOAT * at);
        return [...addresses, batch, height, width, count, ...rest];
      });
      pool.run('depthwise', parts);
    },
  };
}
