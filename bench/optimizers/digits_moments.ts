/**
 * Loss curves of the digits example with float32 and with 8-bit moments of AdamW, on wasm, fused: three
 * seeds each, the same initial weights and batches for both.
 *
 *   npx tsx bench/optimizers/digits_moments.ts --epochs 1
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { loadDigits, shiftedBatches, splitDigits } from '../../examples/digits/data';
import { digitsModel, learningRate, loss } from '../../examples/digits/model';
import { accuracy, predict } from '../../examples/digits/training';
import { seededRandom, seedEverything } from '../../examples/shared/random';
import { useBackend } from './support';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1,2,3' },
    columns: { type: 'string', default: '2' },
  },
});
const BATCH_SIZE = 50;
const PARTS = 5;

await useBackend('wasm');
seedEverything(1);
const { train, test } = splitDigits(loadDigits(), 2000);
const epochs = Number(values.epochs);
const steps = epochs * Math.ceil(train.length / BATCH_SIZE);

/** Mean losses of fifths of the training, and the test accuracy. */
async function run(seed: number, moments: 'float32' | '8bit') {
  seedEverything(seed);
  const model = digitsModel({ columns: Number(values.columns) });
  const optimizer = new AdamW({ weightDecay: 0.05, moments, fused: true });
  model.compile({ optimizer, loss });
  const random = seededRandom(seed);
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const { images, labels } of shiftedBatches(train, BATCH_SIZE, random)) {
      optimizer.learningRate = learningRate(losses.length, steps, 8e-3);
      losses.push((await model.trainOnBatch(images, labels)) as number);
      tf.dispose([images, labels]);
    }
  }
  const part = losses.length / PARTS;
  const means = Array.from({ length: PARTS }, (_, i) => {
    const some = losses.slice(Math.round(i * part), Math.round((i + 1) * part));
    return some.reduce((a, b) => a + b, 0) / some.length;
  });
  const right = accuracy(predict(model, test), test);
  const bytes = (await optimizer.getWeights())
    .filter(({ name }) => /\/(m|v|m8|v8|mScale|vScale)$/.test(name))
    .reduce((sum, { tensor }) => sum + tensor.size * (tensor.dtype === 'bool' ? 1 : 4), 0);
  optimizer.dispose();
  model.dispose();
  return { means, right, bytes };
}

console.log(`${steps} steps of ${BATCH_SIZE}\n`);
console.log(
  '| seed | moments | their KB | mean losses of fifths of the training | test accuracy, % |',
);
console.log('|---|---|---|---|---|');
for (const seed of values.seeds.split(',').map(Number)) {
  for (const moments of ['float32', '8bit'] as const) {
    const { means, right, bytes } = await run(seed, moments);
    console.log(
      `| ${seed} | ${moments} | ${(bytes / 1e3).toFixed(0)} | ` +
        `${means.map((m) => m.toFixed(4)).join(' ')} | ${(100 * right).toFixed(2)} |`,
    );
  }
}
