/**
 * How resident memory follows the exact peak of tensors over the number of columns, on tensorflow, with
 * several settings of the C library's allocator. Each case runs in a process of its own.
 *
 *   npx tsx bench/optimizers/resident.ts --columns 2,4,8,16
 */
import { parseArgs } from 'node:util';

import { fitLine } from '../document/fit';
import { keep } from './kept';
import type { Case, Result } from './memory';
import { megabytes, runInProcess } from './support';

const { values } = parseArgs({
  options: {
    columns: { type: 'string', default: '2,4,8,16' },
    batch: { type: 'string', default: '8' },
    optimizers: { type: 'string', default: 'adamw+fused' },
    allocators: { type: 'string' },
  },
});

/** Settings of glibc's malloc, whose own change with what a program frees. */
const ALLOCATORS: Record<string, Record<string, string>> = {
  default: {},
  'one arena': { MALLOC_ARENA_MAX: '1' },
  // A fixed threshold: all that is larger goes back to the system when it is freed.
  'mmap from 64 KB': { MALLOC_MMAP_THRESHOLD_: '65536' },
  'trim at 1 MB': { MALLOC_TRIM_THRESHOLD_: '1048576' },
};

const FILE = new URL('memory.ts', import.meta.url).href;

for (const optimizer of values.optimizers.split(',')) {
  for (const allocator of values.allocators?.split(',') ?? Object.keys(ALLOCATORS)) {
    const environment = ALLOCATORS[allocator];
    if (!environment) throw new Error(`allocator '${allocator}'`);
    const points: [number, number][] = [];
    for (const columns of values.columns.split(',').map(Number)) {
      const given: Case = {
        model: 'revcol_tiny',
        optimizer,
        backend: 'tensorflow',
        batch: Number(values.batch),
        side: 224,
        steps: 2,
        columns,
      };
      const result = runInProcess(FILE, given, environment) as Result | string;
      if (typeof result === 'string') {
        console.log(`${optimizer}, ${allocator}, ${columns} columns: ${result}`);
        continue;
      }
      keep('resident', { ...given, allocator }, result);
      points.push([result.peakBytes, result.residentBytes]);
      const { residentAtStart, residentWithModel, restingBytes, seconds } = result;
      console.log(
        `${optimizer}, ${allocator}, ${columns} columns: peak ${megabytes(result.peakBytes)}, between steps ` +
          `${megabytes(restingBytes)}; resident at start ${megabytes(residentAtStart)}, with the model ` +
          `${megabytes(residentWithModel)}, at most ${megabytes(result.residentBytes)}; ` +
          `${seconds.toFixed(1)} s`,
      );
    }
    if (points.length < 2) continue;
    const { slope, intercept } = fitLine(points);
    console.log(
      `${optimizer}, ${allocator}: ${slope.toFixed(2)} of the peak and ${megabytes(intercept)} MB`,
    );
  }
}
