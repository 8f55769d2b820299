/**
 * Memory of training steps with each optimizer, fused or not: the most that tensors take in a step, by
 * `memoryPeak`, and resident memory. Each case runs in a process of its own.
 *
 *   npx tsx bench/optimizers/memory.ts --model revcol_tiny --batch 8 --backend tensorflow
 *   npx tsx bench/optimizers/memory.ts --model revcol_large --batch 1 --backend wasm --optimizers adamw8bit+fused
 *   npx tsx bench/optimizers/memory.ts --model revcol_xlarge --adapters 8 --backend tensorflow --optimizers adamw
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  createModel,
  memoryPeak,
  type MemoryPlan,
  memoryPlan,
  type MemoryPlanOptions,
  type ModelName,
} from 'tfjs-revcol';
import { makeOptimizer } from './by_name';
import { keep } from './kept';
import { median, megabytes, residentBytes, runInProcess, useBackend } from './support';

/** A step to be measured. */
export interface Case {
  model: string;
  optimizer: string;
  backend: string;
  batch: number;
  side: number;
  steps: number;
  /** Rank of adapters, which alone are trained then. */
  adapters?: number;
  /** Number of columns, where it is not the model's own. */
  columns?: number;
}

/** What was measured. */
export interface Result {
  parameters: number;
  plan: MemoryPlan;
  peakBytes: number;
  /** What lives between steps: weights, moments, and the batch. */
  restingBytes: number;
  /** The most that the process has held: before there was a model, with it, and after the steps. */
  residentAtStart: number;
  residentWithModel: number;
  residentBytes: number;
  seconds: number;
  losses: number[];
}

/** What the step is planned to take; this package's optimizers have the same names there. */
function planOf({ model, optimizer, backend, batch, side, adapters, columns }: Case): MemoryPlan {
  const [kind, fused] = optimizer.split('+');
  return memoryPlan(
    { name: model as ModelName, ...(columns === undefined ? {} : { columns }) },
    {
      optimizer: kind as MemoryPlanOptions['optimizer'],
      fused: fused !== undefined,
      backend: backend as MemoryPlanOptions['backend'],
      batch,
      side,
      ...(adapters === undefined ? {} : { adapters: { rank: adapters } }),
    },
  );
}

async function measure(c: Case): Promise<Result> {
  const plan = planOf(c);
  await useBackend(c.backend);
  const inputShape: [number, number, number] = [c.side, c.side, 3];
  const residentAtStart = residentBytes();
  const columns = c.columns === undefined ? {} : { columns: c.columns };
  const model = createModel(c.model as ModelName, { inputShape, numClasses: 1000, ...columns });
  const residentWithModel = residentBytes();
  if (c.adapters !== undefined) addAdapters(model, { rank: c.adapters });
  const x = tf.randomNormal([c.batch, ...inputShape], 0, 1, 'float32', 1);
  const labels = Array.from({ length: c.batch }, (_, i) => i);
  const y = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 1000));
  const optimizer = makeOptimizer(c.optimizer);
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const losses: number[] = [];
  const seconds: number[] = [];
  const step = () => {
    const start = performance.now();
    const loss = optimizer.minimize(
      () =>
        tf.losses.softmaxCrossEntropy(
          y,
          model.apply(x, { training: true }) as tf.Tensor,
        ) as tf.Scalar,
      true,
      variables,
    ) as tf.Scalar;
    losses.push(loss.dataSync()[0] as number);
    loss.dispose();
    seconds.push((performance.now() - start) / 1000);
  };
  // The first step makes the moments.
  let peakBytes = 0;
  for (let i = 0; i < c.steps; i++) {
    peakBytes = Math.max(peakBytes, (await memoryPeak(step)).peakBytes);
  }
  return {
    parameters: model.countParams(),
    plan,
    peakBytes,
    restingBytes: tf.memory().numBytes,
    residentAtStart,
    residentWithModel,
    residentBytes: residentBytes(),
    seconds: median(seconds),
    losses,
  };
}

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'revcol_tiny' },
    optimizers: { type: 'string', default: 'adamw,adamw+fused' },
    backend: { type: 'string', default: 'wasm' },
    batch: { type: 'string', default: '1' },
    side: { type: 'string', default: '224' },
    steps: { type: 'string', default: '2' },
    adapters: { type: 'string' },
    columns: { type: 'string' },
    'only-plan': { type: 'boolean', default: false },
    case: { type: 'string' },
  },
});

function report(): void {
  const { model, backend, batch, side, steps, adapters, columns } = values;
  const options = {
    ...(adapters === undefined ? {} : { adapters: Number(adapters) }),
    ...(columns === undefined ? {} : { columns: Number(columns) }),
  };
  const what = adapters === undefined ? model : `${model}, adapters of rank ${adapters}`;
  console.log(`${what}, backend ${backend}, batch ${batch}, ${side} x ${side}\n`);
  console.log(
    '| optimizer | parameters | peak MB | between steps MB | resident MB at start, with the model, at most | ' +
      'seconds | losses |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const optimizer of values.optimizers.split(',')) {
    const given: Case = {
      model,
      optimizer,
      backend,
      batch: Number(batch),
      side: Number(side),
      steps: Number(steps),
      ...options,
    };
    if (values['only-plan']) {
      const plan = planOf(given);
      keep('memory', given, { parameters: plan.parameters, plan });
      console.log(`| ${optimizer} | planned: ${megabytes(plan.peakBytes)} | | | | | |`);
      continue;
    }
    const result = runInProcess(import.meta.url, given) as Result | string;
    if (typeof result === 'string') {
      console.log(`| ${optimizer} | ${result} | | | | | |`);
      continue;
    }
    keep('memory', given, result);
    const resident = [result.residentAtStart, result.residentWithModel, result.residentBytes];
    console.log(
      `| ${optimizer} | ${(result.parameters / 1e6).toFixed(1)} M | ${megabytes(result.peakBytes)} | ` +
        `${megabytes(result.restingBytes)} | ${resident.map(megabytes).join(', ')} | ` +
        `${result.seconds.toFixed(2)} | ${result.losses.map((l) => l.toFixed(4)).join(' ')} |`,
    );
  }
}

if (values.case) console.log(JSON.stringify(await measure(JSON.parse(values.case) as Case)));
else report();
