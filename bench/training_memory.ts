/**
 * Memory and time of one training step of RevCol at Tiny's width, 224 x 224: stock tfjs autodiff,
 * stored mode, reversible mode. Each case runs in a process of its own, so that resident memory is
 * its own.
 *
 *   npx tsx bench/training_memory.ts --backend wasm --batch 2 --columns 4,8,16
 *   npx tsx bench/training_memory.ts --backend tensorflow --batch 8 --columns 4,8,16 --steps 3
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { createModel, memoryPeak } from 'tfjs-revcol';

import { stockForward, weightsByName } from './stock_network';

type Mode = 'stock' | 'stored' | 'reversible';

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

const HERE = fileURLToPath(import.meta.url);
const DEPTHS = [2, 2, 4, 2];

async function useBackend(name: string): Promise<void> {
  if (name === 'tensorflow') {
    const native = path.resolve(path.dirname(HERE), '../.native/package.json');
    createRequire(native)('@tensorflow/tfjs-node-gpu');
  }
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
}

/** One process: builds the network and takes training steps with plain gradient descent. */
async function measure(c: Case): Promise<Result> {
  await useBackend(c.backend);
  const backprop = c.mode === 'stored' ? 'stored' : 'reversible';
  const inputShape: [number, number, number] = [c.side, c.side, 3];
  const model = createModel('revcol_tiny', { columns: c.columns, backprop, inputShape });
  const weights = weightsByName(model);
  const layout = { columns: c.columns, levels: 4, depths: DEPTHS, patchSize: 4 };
  const x = tf.randomNormal([c.batch, ...inputShape], 0, 1, 'float32', 1);
  const labels = tf.tensor1d(
    Array.from({ length: c.batch }, (_, i) => i),
    'int32',
  );
  const y = tf.oneHot(labels, 1000);
  const optimizer = tf.train.sgd(1e-4);
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const logits = () =>
    c.mode === 'stock'
      ? stockForward(weights, layout, x)
      : (model.apply(x, { training: true }) as tf.Tensor);
  const step = () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(y, logits()) as tf.Scalar,
      true,
      variables,
    ) as tf.Scalar;
    loss.dataSync();
    loss.dispose();
  };
  let peakBytes = 0;
  const seconds: number[] = [];
  for (let i = 0; i <= c.steps; i++) {
    const start = performance.now();
    peakBytes = (await memoryPeak(step)).peakBytes;
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  return {
    ...c,
    parameters: model.countParams(),
    peakBytes,
    residentBytes: process.resourceUsage().maxRSS * 1024,
    seconds,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function runCase(c: Case): Result | null {
  const child = spawnSync(
    process.execPath,
    ['--import', 'tsx', HERE, '--case', JSON.stringify(c)],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  );
  const line = child.stdout.split('\n').find((l) => l.startsWith('{'));
  if (child.status === 0 && line) return JSON.parse(line) as Result;
  const reason = child.signal ?? child.stderr.split('\n').find((l) => /Error|abort/i.test(l));
  console.log(
    `| ${c.columns} | ${c.mode} | failed: ${reason?.slice(0, 100) ?? child.status} | | | |`,
  );
  return null;
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

if (values.case) {
  console.log(JSON.stringify(await measure(JSON.parse(values.case) as Case)));
} else {
  console.log(
    `backend ${values.backend}, batch ${values.batch}, ${values.side} x ${values.side}\n`,
  );
  console.log('| columns | mode | parameters | peak MB | resident MB | seconds per step |');
  console.log('|---|---|---|---|---|---|');
  for (const columns of values.columns.split(',').map(Number)) {
    for (const mode of values.modes.split(',') as Mode[]) {
      const result = runCase({
        backend: values.backend,
        batch: Number(values.batch),
        columns,
        mode,
        steps: Number(values.steps),
        side: Number(values.side),
      });
      if (!result) continue;
      const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
      console.log(
        `| ${columns} | ${mode} | ${(result.parameters / 1e6).toFixed(1)} M | ` +
          `${mb(result.peakBytes)} | ${mb(result.residentBytes)} | ` +
          `${median(result.seconds).toFixed(2)} |`,
      );
    }
  }
}
