/**
 * Tells which of 14 languages a message is in, from its first 48 bytes: `npm run example:language-id`.
 *
 * `-- --model both --seeds 1,2,3` compares reversible columns with an ordinary transformer of as many
 * parameters, trained the same way.
 */
import type * as tf from '@tensorflow/tfjs';

import { CLASSES, toBatch, toSamples } from './language-id/data';
import { revColModel, transformerModel } from './language-id/models';
import { train } from './language-id/train';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { accuracyOf, confusionOf } from './shared/confusion';
import { loadDiagnostics, splitDiagnostics } from './shared/diagnostics';
import { seededRandom, seedEverything } from './shared/random';
import { meanAndDeviation, table } from './shared/table';

const { values } = readArguments(import.meta.url, {
  options: {
    model: { type: 'string', default: 'revcol' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '700' },
    rate: { type: 'string', default: '0.003' },
    'batch-size': { type: 'string', default: '32' },
    backend: { type: 'string' },
    /** Scores the validation part instead of the test part, for choosing settings. */
    validate: { type: 'boolean', default: false },
  },
});

const KINDS = { revcol: ['RevCol'], transformer: ['transformer'], both: ['RevCol', 'transformer'] };
if (!(values.model in KINDS)) {
  throw new Error(`--model ${values.model}: expected ${Object.keys(KINDS).join(', ')}`);
}

// At these sizes one thread of wasm is faster than tensorflow on two cores.
const backend = await startBackend(values.backend ?? 'wasm');
const split = splitDiagnostics(loadDiagnostics());
const samples = toSamples(split.train);
const heldOut = toSamples(values.validate ? split.validation : split.test);
console.log(
  `backend ${backend}; ${samples.length} texts to train on, ${heldOut.length} held out ` +
    `(${values.validate ? 'validation' : 'test'}), ${CLASSES.length} languages`,
);

function build(kind: string): tf.LayersModel {
  const revCol = revColModel();
  if (kind === 'RevCol') return revCol;
  const parameters = revCol.countParams();
  revCol.dispose();
  return transformerModel(parameters);
}

/** The pairs of languages that are taken for each other most. */
function worstPairs(confusion: readonly (readonly number[])[]): string {
  return confusion
    .flatMap((row, actual) => row.map((count, guess) => ({ count, actual, guess })))
    .filter(({ count, actual, guess }) => count > 0 && actual !== guess)
    .sort((a, b) => b.count - a.count)
    .slice(0, 4)
    .map(({ count, actual, guess }) => `${CLASSES[actual]} for ${CLASSES[guess]} ${count}x`)
    .join(', ');
}

const rows: string[][] = [];
for (const kind of KINDS[values.model as keyof typeof KINDS]) {
  const accuracies: number[] = [];
  const minutes: number[] = [];
  let parameters = 0;
  for (const seed of values.seeds.split(',').map(Number)) {
    seedEverything(seed);
    const model = build(kind);
    parameters = model.countParams();
    const started = Date.now();
    await train(model, samples, {
      steps: Number(values.steps),
      batchSize: Number(values['batch-size']),
      peakRate: Number(values.rate),
      random: seededRandom(seed),
      label: `${kind}, seed ${seed}`,
    });
    minutes.push((Date.now() - started) / 60000);
    const confusion = confusionOf(model, heldOut, CLASSES.length, 64, toBatch);
    accuracies.push(accuracyOf(confusion));
    model.dispose();
    console.log(
      `\n${kind}, seed ${seed}: ${accuracies.at(-1)?.toFixed(2)} % right; ` +
        `mistakes: ${worstPairs(confusion)}`,
    );
  }
  rows.push([
    kind,
    String(parameters),
    accuracies.map((a) => a.toFixed(2)).join(', '),
    meanAndDeviation(accuracies, 2),
    meanAndDeviation(minutes, 1),
  ]);
}
const headings = ['model', 'parameters', 'accuracy by seed, %', 'accuracy, %', 'minutes'];
console.log(`\n${table(headings, rows)}`);
