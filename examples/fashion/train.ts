/** Training that goes on where it was stopped, and what came of it. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  cosineSchedule,
  Ema,
  epochOrder,
  loadTraining,
  memoryPeak,
  saveTraining,
  softmaxCrossEntropy,
  trainingStep,
} from 'tfjs-revcol/training';
import { plainBatch, trainingBatch } from './batch';
import type { DataSet, Pictures } from './data';

/** How to train: all that the weights depend on beside the network and the pictures. */
export interface Recipe {
  seed: number;
  epochs: number;
  batchSize: number;
  /** Highest learning rate. */
  peak: number;
  weightDecay: number;
  labelSmoothing: number;
  /** Share of the averaged weights that a step keeps. */
  emaDecay: number;
}

/** What is known of a run beside its weights. */
export interface Progress {
  /** Time in training steps, of all parts of the run together. */
  minutes: number;
  /** Processor time of these parts, all threads together, in minutes. */
  processorMinutes: number;
  /** Most bytes in tensors during a step. */
  peakBytes: number;
}

export interface RunOptions {
  /** Where the run is kept. */
  file: string;
  /** Minutes after which this part of the run ends, saved. Default: none. */
  minutes?: number;
  /** Called after an epoch, or where this part of the run ends. */
  onEpoch?: (epoch: number, loss: number, progress: Progress) => void;
}

/**
 * Trains `model` in place, from where the run in `options.file` was stopped, if it is there, and leaves it
 * with the averaged weights.
 *
 * @returns whether the run is complete; null where its time was up before
 */
export async function train(
  model: tf.LayersModel,
  pictures: Pictures,
  set: DataSet,
  recipe: Recipe,
  { file, minutes = Infinity, onEpoch }: RunOptions,
): Promise<Progress | null> {
  const { seed, batchSize, labelSmoothing } = recipe;
  const perEpoch = Math.floor(pictures.count / batchSize);
  const steps = perEpoch * recipe.epochs;
  const schedule = cosineSchedule({
    peak: recipe.peak,
    steps,
    warmupSteps: Math.round(steps / 20),
    warmupRate: recipe.peak / 100,
    minRate: recipe.peak / 1000,
  });
  const optimizer = new AdamW({ weightDecay: recipe.weightDecay });
  const ema = new Ema(model, { decay: recipe.emaDecay, warmup: true });
  const parts = { model, optimizer, ema };
  let first = 0;
  const progress: Progress = { minutes: 0, processorMinutes: 0, peakBytes: 0 };
  if (fs.existsSync(file)) {
    const saved = await loadTraining(file, parts);
    const extra = saved.extra as { recipe: Recipe; progress: Progress };
    if (JSON.stringify(extra.recipe) !== JSON.stringify(recipe)) {
      throw new Error(`${file} is a run of ${JSON.stringify(extra.recipe)}; give another --out`);
    }
    first = saved.step;
    Object.assign(progress, extra.progress);
  }
  fs.mkdirSync(path.dirname(file), { recursive: true });

  const before = { ...progress };
  const [started, startedUsage] = [performance.now(), process.cpuUsage()];
  const elapsed = () => (performance.now() - started) / 60_000;
  const save = async (step: number) => {
    const { user, system } = process.cpuUsage(startedUsage);
    progress.minutes = before.minutes + elapsed();
    progress.processorMinutes = before.processorMinutes + (user + system) / 60e6;
    await saveTraining(file, { ...parts, step, extra: { recipe, progress } });
  };
  let epoch = -1;
  let order: Uint32Array = new Uint32Array();
  const takeStep = async (step: number): Promise<number> => {
    if (epoch !== Math.floor(step / perEpoch)) {
      epoch = Math.floor(step / perEpoch);
      order = epochOrder(seed, epoch, pictures.count);
    }
    const at = (step % perEpoch) * batchSize;
    const chosen = order.subarray(at, at + batchSize);
    const { images, labels } = trainingBatch(pictures, chosen, set, [seed, step]);
    optimizer.learningRate = schedule(step + 1);
    const loss = trainingStep(
      model,
      optimizer,
      images,
      (logits) => softmaxCrossEntropy(labels, logits as tf.Tensor, { labelSmoothing }),
      { seed: [seed, step] },
    );
    ema.update();
    const [value = NaN] = await loss.data();
    tf.dispose([images, labels, loss]);
    return value;
  };

  let [total, counted] = [0, 0];
  for (let step = first; step < steps; step++) {
    if (step === first) {
      const { result, peakBytes } = await memoryPeak(() => takeStep(step));
      progress.peakBytes = Math.max(progress.peakBytes, peakBytes);
      total += result;
    } else {
      total += await takeStep(step);
    }
    counted++;
    if (!Number.isFinite(total)) throw new Error(`the loss of step ${step} is no number`);
    const isUp = elapsed() >= minutes;
    if ((step + 1) % perEpoch === 0 || isUp) {
      await save(step + 1);
      onEpoch?.((step + 1) / perEpoch, total / counted, progress);
      [total, counted] = [0, 0];
    }
    if (isUp && step + 1 < steps) return null;
    await setImmediate();
  }
  ema.apply();
  ema.dispose();
  optimizer.dispose();
  return progress;
}

/**
 * Percentage of the pictures whose largest logit is that of their class.
 *
 * @param mirrored whether the logits of a picture and of its mirror image are added
 */
export function accuracyOf(
  model: tf.LayersModel,
  pictures: Pictures,
  set: DataSet,
  mirrored = false,
): number {
  const logitsOf = (images: tf.Tensor4D) => model.predict(images) as tf.Tensor;
  let right = 0;
  const every = Uint32Array.from({ length: pictures.count }, (_, i) => i);
  for (let at = 0; at < pictures.count; at += 500) {
    right += tf.tidy(() => {
      const { images, labels } = plainBatch(pictures, every.subarray(at, at + 500), set);
      const own = logitsOf(images);
      const logits = mirrored ? tf.add(own, logitsOf(tf.reverse(images, 2))) : own;
      const guesses = tf.argMax(logits, -1);
      return tf.sum(tf.cast(tf.equal(guesses, labels), 'int32')).dataSync()[0] as number;
    });
  }
  return (100 * right) / pictures.count;
}
