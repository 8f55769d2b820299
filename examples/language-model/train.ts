/** Training and evaluation, the same for both models. */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  inverseSquareRootSchedule,
  tokenCrossEntropy,
  trainingStep,
} from 'tfjs-revcol/training';
import { batchesByLength, chunks, padded } from '../shared/batches';
import { startProgress } from '../shared/progress';
import { END, START } from '../translation/data';
import type { Part } from './data';

export interface TrainingOptions {
  epochs: number;
  batchSize: number;
  peakRate: number;
  /** Steps in which the rate rises to its peak. Default: those of an epoch. */
  warmupSteps?: number;
  /** A uniform generator on [0, 1), which decides the order of the batches. */
  random: () => number;
  /** Of the progress bar; without one there is none. */
  label?: string;
}

interface Batch {
  inputs: tf.Tensor2D;
  targets: tf.Tensor2D;
}

/** From the start token to the last but one; to be continued up to the end token. */
function toBatch(texts: readonly (readonly number[])[]): Batch {
  return {
    inputs: padded(texts.map((ids) => [START, ...ids])),
    targets: padded(texts.map((ids) => [...ids, END])),
  };
}

/** Steps of an epoch. */
export const stepsOf = (texts: readonly unknown[], batchSize: number): number =>
  Math.ceil(texts.length / batchSize);

/** Trains in place. */
export async function train(
  model: tf.LayersModel,
  texts: readonly (readonly number[])[],
  options: TrainingOptions,
): Promise<void> {
  const { epochs, batchSize, peakRate, random, label } = options;
  const lengths = texts.map((ids) => ids.length);
  const stepsPerEpoch = stepsOf(texts, batchSize);
  const { warmupSteps = stepsPerEpoch } = options;
  const schedule = inverseSquareRootSchedule({ peak: peakRate, warmupSteps });
  const optimizer = new AdamW({ beta2: 0.98, weightDecay: 0.01 });
  const progress = startProgress(label, epochs * stepsPerEpoch);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const indices of batchesByLength(lengths, batchSize, random)) {
      optimizer.learningRate = schedule(++step);
      const { inputs, targets } = toBatch(indices.map((i) => texts[i] as readonly number[]));
      const loss = trainingStep(
        model,
        optimizer,
        inputs,
        (logits) => tokenCrossEntropy(targets, logits as tf.Tensor),
        { clipNorm: 1 },
      );
      const [value = NaN] = await loss.data();
      tf.dispose([loss, inputs, targets]);
      if (!Number.isFinite(value)) throw new Error(`the loss of step ${step} is no number`);
      progress.step(`loss ${value.toFixed(2)}`);
      // Reading a loss lets no timer run on wasm, and the bar is drawn by one.
      await setImmediate();
    }
  }
  progress.stop();
  optimizer.dispose();
}

/** Cross entropy of whole texts, their end tokens included. */
interface Loss {
  /** Over all texts, in nats. */
  nats: number;
  /** Predicted tokens. */
  tokens: number;
}

/** How many tokens, or bytes, are as likely as each other to a model that knows no more. */
export interface Perplexity {
  perToken: number;
  /** Does not depend on how texts are cut into tokens. */
  perByte: number;
}

export function perplexityOf(model: tf.LayersModel, { texts, bytes }: Part): Perplexity {
  const { nats, tokens } = lossOf(model, texts);
  return { perToken: Math.exp(nats / tokens), perByte: Math.exp(nats / bytes) };
}

function lossOf(model: tf.LayersModel, texts: readonly (readonly number[])[]): Loss {
  let [nats, tokens] = [0, 0];
  for (const some of chunks(texts, 32)) {
    const { inputs, targets } = toBatch(some);
    const count = some.reduce((n, ids) => n + ids.length + 1, 0);
    const mean = tf.tidy(() => tokenCrossEntropy(targets, model.predict(inputs) as tf.Tensor));
    nats += (mean.dataSync()[0] as number) * count;
    tokens += count;
    tf.dispose([mean, inputs, targets]);
  }
  return { nats, tokens };
}
