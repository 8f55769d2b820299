/** Training that goes on where it was stopped, and the sentences that it is judged by. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import type { TrigramOptions } from 'tfjs-revcol/text';
import {
  AdamW,
  Ema,
  loadTraining,
  saveTraining,
  softmaxCrossEntropy,
  trainingStep,
} from 'tfjs-revcol/training';
import { type Sample, trainingBatch } from './batches';
import { CODES, type Corpus } from './data';

/** How to train: all that the weights depend on beside the network and the sentences. */
export interface Recipe {
  seed: number;
  /** Steps of each cycle of the rate (Loshchilov and Hutter 2017, arXiv 1608.03983): more may follow what is done. */
  cycles: readonly number[];
  batchSize: number;
  /** Highest learning rate. */
  peak: number;
  weightDecay: number;
  labelSmoothing: number;
  /** Share of the averaged weights that a step keeps. */
  emaDecay: number;
}

/** Steps between two times of saving. */
const SAVE_EVERY = 100;

const WARM_UP = 50;

/** The rate of a step: in each cycle it rises, is level, and falls to 0 over the last fifth. */
function rateAt(step: number, { peak, cycles }: Recipe): number {
  let at = step;
  for (const steps of cycles) {
    if (at < steps) return peak * Math.min(1, (at + 1) / WARM_UP, (5 * (steps - at)) / steps);
    at -= steps;
  }
  return 0;
}

/** Whether a saved run is the beginning of another, which has the same cycles first. */
function goesOn(saved: Recipe, wanted: Recipe): boolean {
  const cycles = wanted.cycles.slice(0, saved.cycles.length);
  return JSON.stringify(saved) === JSON.stringify({ ...wanted, cycles });
}

/**
 * Trains `model` in place, from where the run in `file` was stopped, if it is there, and leaves it with the
 * averaged weights.
 *
 * @param onSaved called with the number of steps and the mean loss since the last time
 * @returns minutes in training steps, of all parts of the run together
 */
export async function train(
  model: tf.LayersModel,
  corpus: Corpus,
  options: TrigramOptions,
  recipe: Recipe,
  file: string,
  onSaved: (step: number, loss: number, minutes: number) => void,
): Promise<number> {
  const { seed, cycles, batchSize, labelSmoothing } = recipe;
  const steps = cycles.reduce((sum, some) => sum + some, 0);
  const optimizer = new AdamW({ weightDecay: recipe.weightDecay });
  const ema = new Ema(model, { decay: recipe.emaDecay, warmup: true });
  const parts = { model, optimizer, ema };
  let [first, minutes] = [0, 0];
  if (fs.existsSync(file)) {
    const saved = await loadTraining(file, parts);
    const extra = saved.extra as { recipe: Recipe; minutes: number };
    if (!goesOn(extra.recipe, recipe)) {
      throw new Error(`${file} is a run of ${JSON.stringify(extra.recipe)}; give another --out`);
    }
    [first, minutes] = [saved.step, extra.minutes];
  }
  fs.mkdirSync(path.dirname(file), { recursive: true });
  let started = performance.now();
  let [total, counted] = [0, 0];
  for (let step = first; step < steps; step++) {
    const { ids, labels } = trainingBatch(corpus, batchSize, options, [seed, step]);
    optimizer.learningRate = rateAt(step, recipe);
    const loss = trainingStep(
      model,
      optimizer,
      ids,
      (logits) => softmaxCrossEntropy(labels, logits as tf.Tensor, { labelSmoothing }),
      { seed: [seed, step], clipNorm: 1 },
    );
    ema.update();
    const [value = NaN] = await loss.data();
    tf.dispose([ids, labels, loss]);
    if (!Number.isFinite(value)) throw new Error(`the loss of step ${step} is no number`);
    total += value;
    counted++;
    if ((step + 1) % SAVE_EVERY === 0 || step + 1 === steps) {
      minutes += (performance.now() - started) / 60_000;
      started = performance.now();
      await saveTraining(file, { ...parts, step: step + 1, extra: { recipe, minutes } });
      onSaved(step + 1, total / counted, minutes);
      [total, counted] = [0, 0];
    }
    await setImmediate();
  }
  ema.apply();
  ema.dispose();
  optimizer.dispose();
  return minutes;
}

/** Every sentence with its language, cut after so many characters. */
export function samplesOf(corpus: Corpus, most = Infinity): Sample[] {
  return CODES.flatMap((code, label) =>
    corpus[code].flat().map((sentence) => ({
      text: most === Infinity ? sentence : Array.from(sentence).slice(0, most).join(''),
      label,
    })),
  );
}
