/**
 * Loss curves of the digits example with each optimizer, on wasm: three seeds each, and for one seed the same
 * initial weights and batches for all. Adapters cannot train a network from nothing, so they and
 * AdamW on all weights go on from a network that has learned the same digits lying on their side.
 *
 *   npx tsx bench/optimizers/learning.ts
 *   npx tsx bench/optimizers/learning.ts --ways 'adamw;lion+fused' --seeds 1 --epochs 2
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import { Adafactor, AdamW, addAdapters, Lion } from 'tfjs-revcol';
import { type Digit, loadDigits, shiftedBatches, splitDigits } from '../../examples/digits/data';
import { digitsModel, learningRate, loss } from '../../examples/digits/model';
import { accuracy, predict } from '../../examples/digits/training';
import { seededRandom, seedEverything } from '../../examples/shared/random';
import { keep } from './kept';
import { useBackend } from './support';

const { values } = parseArgs({
  options: {
    ways: { type: 'string' },
    epochs: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1,2,3' },
    columns: { type: 'string', default: '2' },
  },
});

/** A training. */
export interface LearningCase {
  way: string;
  seed: number;
  columns: number;
  epochs: number;
}

/** What came of it. */
export interface LearningResult {
  steps: number;
  /** Means of the parts of the training. */
  losses: number[];
  /** Share of other digits that it knows. */
  accuracy: number;
  /** What the optimizer keeps. */
  momentBytes: number;
}

const BATCH_SIZE = 50;
const PARTS = 16;
const RANK = 8;
const DECAY = 0.05;

/** A way to train, with the learning rate at its highest. */
interface Way {
  make: () => tf.Optimizer & { learningRate: number };
  peak: number;
  /** Whether a network that has learned something else is tuned, and by adapters. */
  tunes?: 'all weights' | 'adapters';
}

const PEAK = 4e-3;
const adamw = (args: ConstructorParameters<typeof AdamW>[0] = {}) => ({
  make: () => new AdamW({ weightDecay: DECAY, ...args }),
  peak: PEAK,
});

const WAYS: Record<string, Way> = {
  adamw: adamw(),
  'adamw8bit+fused': adamw({ fused: true, moments: '8bit' }),
  // Its paper: a third to a tenth of AdamW's rate, and three to ten times its decay.
  'lion+fused': {
    make: () => new Lion({ weightDecay: 3 * DECAY, fused: true }),
    peak: PEAK / 3,
  },
  'adafactor+fused': {
    make: () => new Adafactor({ relativeStep: false, scaleParameter: false, fused: true }),
    peak: PEAK,
  },
  'adamw, tuning': { ...adamw(), tunes: 'all weights' },
  // What starts at zero may move faster than what has been learned.
  'adapters, tuning': { ...adamw({ fused: true }), peak: 3 * PEAK, tunes: 'adapters' },
};

const epochs = Number(values.epochs);

/** Trains in place; gives the loss of each step. */
async function train(
  model: tf.LayersModel,
  digits: readonly Digit[],
  seed: number,
  { make, peak }: Way,
): Promise<{ losses: number[]; momentBytes: number }> {
  const steps = epochs * Math.ceil(digits.length / BATCH_SIZE);
  const optimizer = make();
  model.compile({ optimizer, loss });
  const random = seededRandom(seed);
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const { images, labels } of shiftedBatches(digits, BATCH_SIZE, random)) {
      optimizer.learningRate = learningRate(losses.length, steps, peak);
      losses.push((await model.trainOnBatch(images, labels)) as number);
      tf.dispose([images, labels]);
    }
  }
  const momentBytes = (await optimizer.getWeights())
    .filter(({ tensor }) => tensor.dtype !== 'int32')
    .reduce((sum, { tensor }) => sum + tensor.size * tf.util.bytesPerElement(tensor.dtype), 0);
  optimizer.dispose();
  return { losses, momentBytes };
}

function onTheirSide(digits: readonly Digit[]): Digit[] {
  return digits.map(({ pixels, label }) => {
    const side = Math.sqrt(pixels.length);
    const turned = pixels.map((_, i) => pixels[(i % side) * side + Math.floor(i / side)] as number);
    return { pixels: turned, label };
  });
}

/** Means of as many parts of the training. */
function means(losses: readonly number[]): number[] {
  return Array.from({ length: PARTS }, (_, i) => {
    const [from, to] = [i, i + 1].map((n) => Math.round((n * losses.length) / PARTS));
    const some = losses.slice(from, to);
    return some.reduce((a, b) => a + b, 0) / some.length;
  });
}

async function run(
  way: Way,
  seed: number,
  digits: readonly Digit[],
  test: readonly Digit[],
): Promise<LearningResult> {
  seedEverything(seed);
  const model = digitsModel({ columns: Number(values.columns) });
  if (way.tunes) await train(model, onTheirSide(digits), seed + 100, adamw());
  if (way.tunes === 'adapters') {
    addAdapters(model, { rank: RANK });
    (model.layers.at(-1) as tf.layers.Layer).trainable = true;
  }
  const { losses, momentBytes } = await train(model, digits, seed, way);
  const result = {
    steps: losses.length,
    losses: means(losses).map((x) => Number(x.toFixed(5))),
    accuracy: accuracy(predict(model, test), test),
    momentBytes,
  };
  model.dispose();
  return result;
}

await useBackend('wasm');
const { train: trainDigits, test } = splitDigits(loadDigits(), 2000);
console.log(`| way | seed | mean losses of ${PARTS} parts | test accuracy, % | moments, KB |`);
console.log('|---|---|---|---|---|');
for (const name of values.ways?.split(';') ?? Object.keys(WAYS)) {
  const way = WAYS[name];
  if (!way) throw new Error(`way '${name}'; expected some of ${Object.keys(WAYS).join('; ')}`);
  for (const seed of values.seeds.split(',').map(Number)) {
    const result = await run(way, seed, trainDigits, test);
    const given: LearningCase = { way: name, seed, columns: Number(values.columns), epochs };
    keep('learning', given, result);
    console.log(
      `| ${name} | ${seed} | ${result.losses.map((m) => m.toFixed(3)).join(' ')} | ` +
        `${(100 * result.accuracy).toFixed(2)} | ${(result.momentBytes / 1e3).toFixed(0)} |`,
    );
  }
}
