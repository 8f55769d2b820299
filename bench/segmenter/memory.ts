/**
 * What a training step of a segmenter takes with more and more columns under its heads, into
 * bench/segmenter/memory.json, from which `npm run bench -- document` makes its table.
 *
 *   npx tsx bench/segmenter/memory.ts
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, memoryPeak, segmentationLoss, trainingStep } from 'tfjs-revcol';
import { startBackend } from '../contestants/backend';
import type { SegmenterMemory, SegmenterStep } from '../document/segmenter';
import { ROOT } from '../suite/contestants';

const COLUMNS = [2, 4, 8, 16];
/** A quarter of the published widths. */
const NETWORK = {
  channels: [16, 32, 64, 128],
  depths: [2, 2, 4, 2],
  headChannels: 128,
  auxiliaryChannels: 64,
  numClasses: 150,
};
const [BATCH, SIDE] = [2, 128];

/** Peaks of the second step, in bytes: that of the first has to make room for nothing yet. */
async function measure(columns: number, backprop: 'reversible' | 'stored'): Promise<number> {
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    ...NETWORK,
    columns,
    backprop,
    auxiliaryHead: true,
  });
  const x = tf.randomNormal([BATCH, SIDE, SIDE, 3], 0, 1, 'float32', 1);
  const y = tf.randomUniform([BATCH, SIDE, SIDE], 0, NETWORK.numClasses, 'int32', 1);
  const optimizer = tf.train.sgd(1e-6);
  const step = () => {
    trainingStep(model, optimizer, x, (logits) => segmentationLoss(y, logits)).dispose();
  };
  step();
  const { peakBytes } = await memoryPeak(step);
  tf.dispose([x, y]);
  optimizer.dispose();
  model.dispose();
  return peakBytes;
}

const backend = 'wasm';
await startBackend(backend);
const steps: SegmenterStep[] = [];
for (const columns of COLUMNS) {
  const [reversible, stored] = [
    await measure(columns, 'reversible'),
    await measure(columns, 'stored'),
  ];
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    ...NETWORK,
    columns,
    auxiliaryHead: true,
  });
  steps.push({ columns, parameters: model.countParams(), reversible, stored });
  model.dispose();
  console.log(steps.at(-1));
}
const result: SegmenterMemory = {
  command: 'npx tsx bench/segmenter/memory.ts',
  tfjs: tf.version_core,
  backend,
  network: NETWORK,
  batch: BATCH,
  side: SIDE,
  steps,
};
const file = path.join(ROOT, 'bench/segmenter/memory.json');
fs.writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
