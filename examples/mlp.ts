/**
 * A plain MLP with memory-free backprop: handwritten digits as vectors of 576 pixels, through
 * `tf.sequential`: `npm run example:mlp`.
 */
import * as tf from '@tensorflow/tfjs';

import { centredBatch, loadDigits, shiftedBatches, splitDigits } from './digits/data';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { seededRandom, seedEverything } from './shared/random';
import { mlpModel, PIXELS } from './small/mlp_model';
import { accuracyOf, type Batch, memoryOfModes, trainClassifier } from './small/train_classifier';

const { values } = readArguments(import.meta.url, {
  options: {
    columns: { type: 'string', default: '4' },
    epochs: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    backend: { type: 'string' },
  },
});

const columns = Number(values.columns);
seedEverything(Number(values.seed));
const random = seededRandom(Number(values.seed));
console.log(`backend ${await startBackend(values.backend ?? 'wasm')}`);

const flat = ({ images, labels }: { images: tf.Tensor; labels: tf.Tensor }): Batch => {
  const inputs = tf.reshape(images, [-1, PIXELS]);
  images.dispose();
  return { inputs, labels };
};

function* epoch(): Generator<Batch> {
  for (const batch of shiftedBatches(train, 50, random)) yield flat(batch);
}

const { train, test } = splitDigits(loadDigits(), 2000);
const model = mlpModel({ columns });
model.summary();
const epochs = Number(values.epochs);
await trainClassifier(model, epoch, {
  label: `MLP of ${columns} columns`,
  steps: epochs * Math.ceil(train.length / 50),
  peakRate: 0.002,
});
const held = flat(centredBatch(test));
console.log(`accuracy on ${test.length} held-out digits: ${accuracyOf(model, held).toFixed(2)} %`);
console.log(await memoryOfModes((options) => mlpModel(options), [2, 4, 8, 16], held));
tf.dispose([held.inputs, held.labels]);
model.dispose();
