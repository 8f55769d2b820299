/**
 * What `memoryPlan` says against what `memoryPeak` measures, over networks, modes, optimizers and backends.
 *
 *   npx tsx bench/memory_plan.ts --backends wasm,tensorflow --batch 1
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  createModel,
  memoryPeak,
  memoryPlan,
  type MemoryPlanOptions,
  type PlannedModel,
  trainingStep,
} from 'tfjs-revcol';
import { optimizerMaker, type PlannedOptimizer } from '../src/plan/optimizers';
import { startBackend } from './contestants/backend';

interface Case {
  model: PlannedModel;
  backend: string;
  batch: number;
  side: number;
  optimizer: PlannedOptimizer;
  fused?: boolean;
  backprop: 'reversible' | 'stored';
  rank?: number;
}

interface Result {
  planned: number;
  measured: number;
}

async function measure({ model, rank, ...c }: Case): Promise<Result> {
  const { batch, side, backprop } = c;
  const adapters = rank === undefined ? {} : { adapters: { rank } };
  const plan = memoryPlan(model, { ...(c as MemoryPlanOptions), ...adapters });
  const { name, ...options } = model;
  const made = createModel(name, { ...options, inputShape: [side, side, 3], backprop } as object);
  if (rank !== undefined) addAdapters(made, { rank });
  const x = tf.zeros([batch, side, side, 3]);
  const optimizer = optimizerMaker('bench', c.optimizer, c.fused)();
  const step = () => {
    trainingStep(made, optimizer, x, (y) => tf.mean(tf.square(y)) as tf.Scalar).dispose();
  };
  step();
  const { peakBytes } = await memoryPeak(step);
  made.dispose();
  optimizer.dispose();
  x.dispose();
  return { planned: plan.peakBytes, measured: peakBytes };
}

const { values } = parseArgs({
  options: {
    backends: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '1' },
  },
});

const TINY: PlannedModel = { name: 'revcol_tiny' };
const CASES: Pick<Case, 'model' | 'optimizer' | 'fused' | 'backprop' | 'rank' | 'side'>[] = [
  { model: TINY, optimizer: 'adamw', backprop: 'reversible', side: 224 },
  { model: TINY, optimizer: 'sgd', backprop: 'reversible', side: 224 },
  ...(['adamw', 'lion', 'momentum', 'adafactor', 'sgd', 'adamw8bit'] as const).map(
    (optimizer) =>
      ({ model: TINY, optimizer, fused: true, backprop: 'reversible', side: 224 }) as const,
  ),
  { model: TINY, optimizer: 'adam', backprop: 'reversible', side: 160 },
  { model: { ...TINY, columns: 2 }, optimizer: 'sgd', backprop: 'stored', side: 128 },
  { model: TINY, optimizer: 'adamw', backprop: 'reversible', rank: 8, side: 224 },
  { model: { ...TINY, topFusion: true }, optimizer: 'momentum', backprop: 'reversible', side: 96 },
  {
    model: { name: 'revcol_vit_small', columns: 2 },
    optimizer: 'adamw',
    backprop: 'reversible',
    side: 96,
  },
];

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

console.log('| backend | model | mode | optimizer | side | planned MB | measured MB | error |');
console.log('|---|---|---|---|---|---|---|---|');
for (const backend of values.backends.split(',')) {
  await startBackend(backend);
  for (const one of CASES) {
    const c: Case = { ...one, backend, batch: Number(values.batch) };
    if (c.optimizer === 'adamw8bit' && backend !== 'wasm' && backend !== 'tensorflow') continue;
    const { planned, measured } = await measure(c);
    const { name, columns } = c.model;
    const row = [
      backend,
      `${name}${columns === undefined ? '' : `, ${columns} columns`}`,
      c.rank === undefined ? c.backprop : `adapters of rank ${c.rank}`,
      c.fused ? `${c.optimizer}, fused` : c.optimizer,
      c.side,
    ].join(' | ');
    const error = ((100 * (planned - measured)) / measured).toFixed(2);
    console.log(`| ${row} | ${megabytes(planned)} | ${megabytes(measured)} | ${error} % |`);
  }
}
