/**
 * Memory and time of one training step of RevCol at Tiny's width, 224 x 224: stock tfjs autodiff,
 * stored mode, reversible mode. Each case runs in a process of its own, so that resident memory is
 * its own. For reversible mode it then compares what further columns cost with what they should:
 * their weights, the gradients of these, and anchors.
 *
 *   npx tsx bench/training_memory.ts --backend wasm --batch 2 --columns 4,8,16
 *   npx tsx bench/training_memory.ts --backend tensorflow --batch 8 --columns 4,8,16 --steps 3
 *
 * Stock at batch 8 needs 17 GB of memory for 4 columns. Times of cases in different processes are
 * good for orders of magnitude; bench/training_speed.ts compares them in one.
 */
import { parseArgs } from 'node:util';

import { memoryPeak } from 'tfjs-revcol';
import { anchorColumns } from '../src/ops/reversible/anchors';
import { median, megabytes, numbers, residentBytes, runInProcess, useBackend } from './support';
import { CHANNELS, makeTraining, type Mode, PATCH } from './training_case';

interface Case {
  backend: string;
  batch: number;
  columns: number;
  mode: Mode;
  steps: number;
  side: number;
}

interface Result extends Case {
  parameters: number;
  peakBytes: number;
  residentBytes: number;
  seconds: number[];
}

async function measure(c: Case): Promise<Result> {
  await useBackend(c.backend);
  const { parameters, step } = makeTraining(c.mode, c.columns, c.batch, c.side);
  let peakBytes = 0;
  const seconds: number[] = [];
  for (let i = 0; i <= c.steps; i++) {
    const start = performance.now();
    peakBytes = (await memoryPeak(step)).peakBytes;
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  return { ...c, parameters, peakBytes, residentBytes: residentBytes(), seconds };
}

/** Features of all levels of a column. */
function anchorBytes({ batch, side }: Case): number {
  return CHANNELS.reduce((sum, channels, level) => {
    const pixels = Math.floor(side / PATCH / 2 ** level) ** 2;
    return sum + 4 * batch * channels * pixels;
  }, 0);
}

/** Anchors that reversible mode keeps with all alphas as they start, 0.5. */
function anchorCount(columns: number): number {
  const alphas = CHANNELS.map(() => 0.5);
  return anchorColumns(
    Array.from({ length: columns }, () => alphas),
    'auto',
  ).size;
}

function reportGrowth(results: readonly Result[]): void {
  console.log('\nReversible mode, what further columns cost, in MB:\n');
  console.log('| columns | weights | gradients | anchors | predicted | measured |');
  console.log('|---|---|---|---|---|---|');
  results.slice(1).forEach((to, i) => {
    const from = results[i] as Result;
    const weights = 4 * (to.parameters - from.parameters);
    const count = anchorCount(to.columns) - anchorCount(from.columns);
    const anchors = count * anchorBytes(to);
    const tenths = (bytes: number) => (bytes / 1e6).toFixed(1);
    console.log(
      `| ${from.columns} to ${to.columns} | ${tenths(weights)} | ${tenths(weights)} | ` +
        `${tenths(anchors)} (${count}) | ${tenths(2 * weights + anchors)} | ` +
        `${tenths(to.peakBytes - from.peakBytes)} |`,
    );
  });
}

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '2' },
    columns: { type: 'string', default: '4,8,16' },
    modes: { type: 'string', default: 'stock,stored,reversible' },
    steps: { type: 'string', default: '2' },
    side: { type: 'string', default: '224' },
    case: { type: 'string' },
  },
});

function report(): void {
  const { backend, batch, side } = values;
  console.log(`backend ${backend}, batch ${batch}, ${side} x ${side}\n`);
  console.log('| columns | mode | parameters | peak MB | resident MB | seconds per step |');
  console.log('|---|---|---|---|---|---|');
  const reversible: Result[] = [];
  for (const columns of numbers(values.columns)) {
    for (const mode of values.modes.split(',') as Mode[]) {
      const result = runInProcess(import.meta.url, {
        backend,
        batch: Number(batch),
        columns,
        mode,
        steps: Number(values.steps),
        side: Number(side),
      }) as Result | string;
      if (typeof result === 'string') {
        console.log(`| ${columns} | ${mode} | ${result} | | | |`);
        continue;
      }
      if (mode === 'reversible') reversible.push(result);
      console.log(
        `| ${columns} | ${mode} | ${(result.parameters / 1e6).toFixed(1)} M | ` +
          `${megabytes(result.peakBytes)} | ${megabytes(result.residentBytes)} | ` +
          `${median(result.seconds).toFixed(2)} |`,
      );
    }
  }
  if (reversible.length > 1) reportGrowth(reversible);
}

if (values.case) console.log(JSON.stringify(await measure(JSON.parse(values.case) as Case)));
else report();
