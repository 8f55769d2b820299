/**
 * A RevCol learns Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT), on the official split,
 * with 5,000 of the training pictures held out. Stop it at any time: the same command goes on.
 *
 *   npm run example:fashion -- --data fashion-mnist
 *   npm run example:fashion -- --data fashion-mnist --size femto --epochs 15
 *   npm run example:fashion -- --set digits --size femto --epochs 40
 *
 * `--set digits` trains on the handwritten digits of `npm start` instead, which need no `--data`.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { fileSystem } from 'tfjs-revcol/node';
import { saveCheckpoint } from 'tfjs-revcol/weights';
import { DATA_SETS, type DataSetName, type Pictures } from './fashion/data';
import { network, type SizeName, SIZES } from './fashion/network';
import { accuracyOf, type Recipe, train } from './fashion/train';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';
import { seedEverything } from './shared/random';

const { values: args } = readArguments(import.meta.url, {
  options: {
    /** The folder that holds the four files of Fashion-MNIST as they are published. */
    data: { type: 'string' },
    set: { type: 'string', default: 'fashion' },
    size: { type: 'string', default: 'small' },
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '30' },
    'batch-size': { type: 'string', default: '100' },
    rate: { type: 'string', default: '4e-3' },
    backprop: { type: 'string', default: 'stored' },
    backend: { type: 'string' },
    /** Minutes after which to stop, saved; the same command goes on. */
    minutes: { type: 'string' },
    /** Where runs are kept. */
    out: { type: 'string', default: 'out/fashion' },
  },
});

/** One of some names. */
function oneOf<Name extends string>(option: string, given: string, names: readonly Name[]): Name {
  const name = names.find((known) => known === given);
  if (name !== undefined) return name;
  throw new Error(`--${option} is ${given}; expected ${names.join(' or ')}`);
}

/** A number above 0 from an option. */
function above0(option: 'epochs' | 'batch-size' | 'rate' | 'minutes', isWhole: boolean): number {
  const value = Number(args[option]);
  if (value > 0 && Number.isFinite(value) && (!isWhole || Number.isInteger(value))) return value;
  throw new Error(
    `--${option} is ${args[option]}; expected ${isWhole ? 'an integer' : 'a number'} above 0`,
  );
}

const setName = oneOf('set', args.set, Object.keys(DATA_SETS) as DataSetName[]);
const size = oneOf('size', args.size, Object.keys(SIZES) as SizeName[]);
const backprop = oneOf('backprop', args.backprop, ['stored', 'reversible']);
const seed = Number(args.seed);
if (!(Number.isInteger(seed) && seed >= 0))
  throw new Error(`--seed is ${args.seed}; expected an integer from 0`);
const recipe: Recipe = {
  seed,
  epochs: above0('epochs', true),
  batchSize: above0('batch-size', true),
  peak: above0('rate', false),
  weightDecay: 0.05,
  labelSmoothing: 0.1,
  emaDecay: 0.998,
};
const minutes = args.minutes === undefined ? undefined : above0('minutes', false);

const backend = await startBackend(args.backend);
const set = DATA_SETS[setName];
const split = set.load(args.data);
seedEverything(seed);
const model = network(size, backprop);
const name = `${setName}-${size}-${seed}`;
const file = path.join(args.out, `${name}.training`);
console.log(
  `${split.train.count} pictures to train on, ${split.validation.count} held out, ${split.test.count} to test ` +
    `with; ${model.countParams()} parameters, backend ${backend}, ${file}`,
);
const progress = await train(model, split.train, set, recipe, {
  file,
  minutes,
  onEpoch: (epoch, loss, { minutes, processorMinutes }) =>
    console.log(
      `epoch ${epoch.toFixed(2)} of ${recipe.epochs}: loss ${loss.toFixed(4)}, ${minutes.toFixed(1)} min ` +
        `(${processorMinutes.toFixed(1)} of a processor)`,
    ),
});
/** Of the parts that were not trained on; also with mirror images, where they were trained on. */
function accuracies(): Record<string, number> {
  const of = (pictures: Pictures, mirrored = false) =>
    Number(accuracyOf(model, pictures, set, mirrored).toFixed(2));
  return {
    heldOutAccuracy: of(split.validation),
    testAccuracy: of(split.test),
    ...(set.mirrored && {
      heldOutAccuracyWithMirrored: of(split.validation, true),
      testAccuracyWithMirrored: of(split.test, true),
    }),
  };
}

if (progress === null) {
  console.log('stopped; the same command goes on');
} else {
  const result = {
    set: setName,
    size,
    parameters: model.countParams(),
    ...recipe,
    backend,
    backprop,
    minutes: Number(progress.minutes.toFixed(1)),
    processorMinutes: Number(progress.processorMinutes.toFixed(1)),
    peakMegabytes: Number((progress.peakBytes / 1e6).toFixed(1)),
    residentMegabytes: Number((process.resourceUsage().maxRSS / 1e3).toFixed(0)),
    ...accuracies(),
  };
  fs.writeFileSync(path.join(args.out, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  console.log(result);
  // Published names are those of published networks; a stem of our own has none.
  if (size === 'femto') await saveCheckpoint(model, path.join(args.out, `${name}.safetensors`));
  else await model.save(fileSystem(path.join(args.out, name)));
}
