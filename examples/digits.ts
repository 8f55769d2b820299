/**
 * A small RevCol learns handwritten digits on the wasm backend, is saved and loaded again. Then a
 * table, and a chart in out/memory.svg, show what its training steps cost with more columns.
 *
 *   npm start
 *   npm start -- --seed 2 --epochs 6
 */
import 'tfjs-revcol/node';
import * as fs from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';

import { memoryChart } from './digits/chart';
import { type Digit, loadDigits, splitDigits } from './digits/data';
import { type Measurement, measureStep, memoryTable, MODES } from './digits/memory';
import { digitsModel } from './digits/model';
import { accuracy, predict, stepCount, train } from './digits/training';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { startProgress } from './shared/progress';
import { seedEverything } from './shared/random';

const TEST_SIZE = 2000;
const BATCH_SIZE = 50;
const COLUMNS = 2;
const MEASURED_COLUMNS = [2, 4, 8, 16];
const MEASURED_STEPS = 6;

const { values: args } = readArguments(import.meta.url, {
  options: {
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '12' },
    out: { type: 'string', default: 'out' },
  },
});

/** A whole number from an option. */
function whole(option: 'seed' | 'epochs'): number {
  const value = Number(args[option]);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${option} is ${args[option]}; expected an integer of at least 0`);
}

/** Trains a network and says how well it does on digits that it has not seen. */
async function learn(digits: readonly Digit[], unseen: readonly Digit[]): Promise<tf.LayersModel> {
  const model = digitsModel({ columns: COLUMNS });
  const schedule = { epochs: whole('epochs'), batchSize: BATCH_SIZE };
  console.log(
    `${digits.length} digits to train on, ${unseen.length} others to test with; ` +
      `${COLUMNS} columns, ${model.countParams()} parameters`,
  );
  const start = performance.now();
  const progress = startProgress('training', stepCount(digits.length, schedule));
  let smoothed: number | undefined;
  await train(model, digits, {
    ...schedule,
    peak: 8e-3,
    random: Math.random,
    onStep: (loss) => {
      smoothed = smoothed === undefined ? loss : 0.98 * smoothed + 0.02 * loss;
      progress.step(`loss ${smoothed.toFixed(3)}`);
    },
  });
  progress.stop();
  const seconds = (performance.now() - start) / 1000;
  const percent = 100 * accuracy(predict(model, unseen), unseen);
  console.log(`test accuracy ${percent.toFixed(2)} % after ${seconds.toFixed(0)} s of training`);
  return model;
}

/** Saves the model, loads it and makes sure that both predict the same. */
async function saveAndLoad(model: tf.LayersModel, digits: readonly Digit[]): Promise<void> {
  const folder = `${args.out}/digits`;
  await model.save(`file://${folder}`);
  const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
  const [before, after] = [predict(model, digits), predict(loaded, digits)];
  const differing = before.findIndex((logit, i) => logit !== after[i]);
  if (differing >= 0) {
    throw new Error(
      `the loaded model differs: logit ${differing} is ${after[differing]}, not ${before[differing]}`,
    );
  }
  console.log(`saved to ${folder}, loaded again: all ${before.length} logits agree`);
  loaded.dispose();
}

/** Measures what a training step takes with more and more columns. */
async function compareModes(digits: readonly Digit[]): Promise<Measurement[]> {
  const progress = startProgress('measuring', MEASURED_COLUMNS.length * MODES.length);
  const measurements: Measurement[] = [];
  for (const columns of MEASURED_COLUMNS) {
    for (const mode of MODES) {
      measurements.push(
        await measureStep(columns, mode, digits.slice(0, BATCH_SIZE), MEASURED_STEPS),
      );
      progress.step(`${columns} columns, ${mode}`);
      await tf.nextFrame();
    }
  }
  progress.stop();
  return measurements;
}

async function main(): Promise<void> {
  seedEverything(whole('seed'));
  await startBackend('wasm');
  const { train: seen, test: unseen } = splitDigits(loadDigits(), TEST_SIZE);
  const model = await learn(seen, unseen);
  await saveAndLoad(model, unseen);
  model.dispose();
  const measurements = await compareModes(seen);
  console.log(`\nOne training step, batch ${BATCH_SIZE}, backend wasm:\n`);
  console.log(memoryTable(measurements));
  const title = `RevCol on handwritten digits: one training step, batch ${BATCH_SIZE}, backend wasm`;
  const chart = `${args.out}/memory.svg`;
  await fs.writeFile(chart, memoryChart(measurements, title));
  console.log(`\nchart: ${chart}`);
}

await main();
