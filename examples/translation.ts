/**
 * Translates TypeScript's diagnostic messages from English to German: `npm run example:translation`.
 *
 * `-- --model both --seeds 1,2,3` compares a RevCol encoder with an ordinary transformer encoder of
 * as many parameters, trained the same way.
 */
import type * as tf from '@tensorflow/tfjs';

import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { loadDiagnostics, splitDiagnostics } from './shared/diagnostics';
import { seededRandom, seedEverything } from './shared/random';
import { meanAndDeviation, table } from './shared/table';
import { Vocabulary } from './translation/data';
import { revColModel, type Size, transformerModel } from './translation/models';
import { evaluate, lossOf, train } from './translation/train';

const { values } = readArguments(import.meta.url, {
  options: {
    model: { type: 'string', default: 'revcol' },
    seeds: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '14' },
    width: { type: 'string', default: '64' },
    dropout: { type: 'string', default: '0.1' },
    rate: { type: 'string', default: '0.002' },
    'batch-size': { type: 'string', default: '16' },
    beams: { type: 'string', default: '4' },
    backend: { type: 'string' },
    /** Scores the validation part instead of the test part, for choosing settings. */
    validate: { type: 'boolean', default: false },
  },
});

const KINDS = { revcol: ['RevCol'], transformer: ['transformer'], both: ['RevCol', 'transformer'] };
type Kind = keyof typeof KINDS;
if (!(values.model in KINDS)) {
  throw new Error(`--model ${values.model}: expected ${Object.keys(KINDS).join(', ')}`);
}

// At these sizes one thread of wasm is faster than tensorflow on two cores.
const backend = await startBackend(values.backend ?? 'wasm');
const split = splitDiagnostics(loadDiagnostics());
const vocabulary = new Vocabulary();
const pairs = vocabulary.pairs(split.train);
const heldOut = vocabulary.pairs(values.validate ? split.validation : split.test);
console.log(
  `backend ${backend}; ${pairs.length} messages to train on, ${heldOut.length} held out ` +
    `(${values.validate ? 'validation' : 'test'})`,
);

const size: Size = {
  vocabulary: vocabulary.size,
  width: Number(values.width),
  heads: 4,
  dropout: Number(values.dropout),
};

interface Result {
  bleu: number;
  loss: number;
  exact: number;
  minutes: number;
  parameters: number;
}

function build(kind: string): tf.LayersModel {
  const revCol = revColModel(size);
  if (kind === 'RevCol') return revCol;
  const parameters = revCol.countParams();
  revCol.dispose();
  return transformerModel(size, parameters);
}

async function run(kind: string, seed: number): Promise<Result> {
  seedEverything(seed);
  const model = build(kind);
  const started = Date.now();
  await train(model, pairs, {
    epochs: Number(values.epochs),
    batchSize: Number(values['batch-size']),
    peakRate: Number(values.rate),
    random: seededRandom(seed),
    label: `${kind}, seed ${seed}`,
  });
  const minutes = (Date.now() - started) / 60000;
  const { bleu, translations } = await evaluate(model, heldOut, vocabulary, Number(values.beams));
  const exact = translations.filter((text, i) => text === heldOut[i]?.target).length;
  const result = {
    bleu: bleu.score,
    loss: lossOf(model, heldOut),
    exact: (100 * exact) / heldOut.length,
    minutes,
    parameters: model.countParams(),
  };
  console.log(
    `\n${kind}, seed ${seed}: BLEU ${result.bleu.toFixed(1)} (n-grams ` +
      `${bleu.precisions.map((p) => p.toFixed(1)).join(' / ')}, brevity ` +
      `${bleu.brevityPenalty.toFixed(3)}), loss ${result.loss.toFixed(3)}, ` +
      `${result.exact.toFixed(1)} % word for word, ${minutes.toFixed(1)} minutes of training`,
  );
  if (kind === 'RevCol') {
    for (const i of [3, 25, 60, 90].filter((n) => n < heldOut.length)) {
      console.log(`\n  ${heldOut[i]?.source}\n  got:    ${translations[i]}`);
      console.log(`  wanted: ${heldOut[i]?.target}`);
    }
  }
  model.dispose();
  return result;
}

const seeds = values.seeds.split(',').map(Number);
const rows: string[][] = [];
for (const kind of KINDS[values.model as Kind]) {
  const results: Result[] = [];
  for (const seed of seeds) results.push(await run(kind, seed));
  rows.push([
    kind,
    String(results[0]?.parameters),
    results.map((r) => r.bleu.toFixed(1)).join(', '),
    meanAndDeviation(
      results.map((r) => r.bleu),
      1,
    ),
    meanAndDeviation(
      results.map((r) => r.loss),
      3,
    ),
    meanAndDeviation(
      results.map((r) => r.exact),
      1,
    ),
    meanAndDeviation(
      results.map((r) => r.minutes),
      1,
    ),
  ]);
}
console.log(
  `\n${table(
    ['encoder', 'parameters', 'BLEU by seed', 'BLEU', 'loss', 'word for word, %', 'minutes'],
    rows,
  )}`,
);
