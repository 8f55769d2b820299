/**
 * A 1-D signal model with memory-free backprop, through `tf.sequential`: tells noisy waveforms apart.
 * `npm run example:signal`.
 */
import * as tf from '@tensorflow/tfjs';

import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { seededRandom, seedEverything } from './shared/random';
import { signalModel } from './small/signal_model';
import { signalBatch } from './small/signals';
import { accuracyOf, type Batch, memoryOfModes, trainClassifier } from './small/train_classifier';

const { values } = readArguments(import.meta.url, {
  options: {
    columns: { type: 'string', default: '4' },
    steps: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
    backend: { type: 'string' },
  },
});

const columns = Number(values.columns);
seedEverything(Number(values.seed));
console.log(`backend ${await startBackend(values.backend ?? 'wasm')}`);

const random = seededRandom(Number(values.seed));
function* fresh(): Generator<Batch> {
  for (;;) yield signalBatch(32, random);
}

const model = signalModel({ columns });
model.summary();
await trainClassifier(model, fresh, {
  label: `signal model of ${columns} columns`,
  steps: Number(values.steps),
  peakRate: 0.004,
});
// A stream of its own: no signal of it was trained on.
const held = signalBatch(2000, seededRandom(1e6 + Number(values.seed)));
console.log(`accuracy on 2000 new signals: ${accuracyOf(model, held).toFixed(2)} %`);
const few = signalBatch(32, random);
console.log(await memoryOfModes((options) => signalModel(options), [2, 4, 8, 16], few));
tf.dispose([held.inputs, held.labels, few.inputs, few.labels]);
model.dispose();
