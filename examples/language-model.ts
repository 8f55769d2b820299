/**
 * Learns to write TypeScript's diagnostic messages: `npm run example:language-model`.
 *
 * `-- --model both --seeds 1,2,3` compares reversible columns with an ordinary causal transformer of
 * as many parameters, trained the same way.
 */
import type * as tf from '@tensorflow/tfjs';

import { generate } from 'tfjs-revcol/models';
import { loadTexts } from './language-model/data';
import { revColModel, type Size, transformerModel } from './language-model/models';
import { type Perplexity, perplexityOf, train } from './language-model/train';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { seededRandom, seedEverything } from './shared/random';
import { meanAndDeviation, table } from './shared/table';
import { END, START } from './translation/data';

const { values } = readArguments(import.meta.url, {
  options: {
    model: { type: 'string', default: 'revcol' },
    seeds: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '8' },
    width: { type: 'string', default: '64' },
    dropout: { type: 'string', default: '0.1' },
    rate: { type: 'string', default: '0.002' },
    'batch-size': { type: 'string', default: '16' },
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
const { vocabulary, ...parts } = loadTexts();
const { texts } = parts.train;
const heldOut = parts[values.validate ? 'validation' : 'test'];
console.log(
  `backend ${backend}; ${texts.length} messages to train on, ${heldOut.texts.length} held out ` +
    `(${values.validate ? 'validation' : 'test'}, ${heldOut.bytes} bytes)`,
);

const size: Size = {
  vocabulary: vocabulary.size,
  width: Number(values.width),
  heads: 4,
  dropout: Number(values.dropout),
};

interface Result extends Perplexity {
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

async function printSamples(model: tf.LayersModel, seed: number): Promise<void> {
  for (const prompt of ['Type', 'Cannot', 'The', 'A class']) {
    const [written] = await generate(model, [[START, ...vocabulary.encode(prompt)]], {
      maxNewTokens: 30,
      temperature: 0.7,
      topP: 0.9,
      seed,
      endId: END,
      suppressIds: [0, START],
    });
    const ids = [...vocabulary.encode(prompt), ...(written?.ids ?? [])];
    console.log(`  ${vocabulary.decode(ids)}`);
  }
}

async function run(kind: string, seed: number): Promise<Result> {
  seedEverything(seed);
  const model = build(kind);
  const started = Date.now();
  await train(model, texts, {
    epochs: Number(values.epochs),
    batchSize: Number(values['batch-size']),
    peakRate: Number(values.rate),
    random: seededRandom(seed),
    label: `${kind}, seed ${seed}`,
  });
  const minutes = (Date.now() - started) / 60000;
  const { perToken, perByte } = perplexityOf(model, heldOut);
  console.log(
    `\n${kind}, seed ${seed}: held-out perplexity ${perToken.toFixed(1)} per token, ` +
      `${perByte.toFixed(3)} per byte, ${minutes.toFixed(1)} minutes of training`,
  );
  if (kind === 'RevCol') await printSamples(model, seed);
  const result = { perToken, perByte, minutes, parameters: model.countParams() };
  model.dispose();
  return result;
}

const seeds = values.seeds.split(',').map(Number);
const rows: string[][] = [];
for (const kind of KINDS[values.model as Kind]) {
  const results: Result[] = [];
  for (const seed of seeds) results.push(await run(kind, seed));
  const column = (key: keyof Result, digits: number) =>
    meanAndDeviation(
      results.map((r) => r[key]),
      digits,
    );
  rows.push([
    kind,
    String(results[0]?.parameters),
    results.map((r) => r.perToken.toFixed(1)).join(', '),
    column('perToken', 1),
    column('perByte', 3),
    column('minutes', 1),
  ]);
}
const headings = ['model', 'parameters', 'by seed', 'per token', 'per byte', 'minutes'];
console.log(`\nHeld-out perplexity\n\n${table(headings, rows)}`);
