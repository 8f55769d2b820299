/** Training and evaluation, the same for both models. */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import { AdamW, tokenCrossEntropy, trainingStep } from 'tfjs-revcol/training';
import { learningRate } from '../digits/model';
import { batchesByLength, chunks } from '../shared/batches';
import { startProgress } from '../shared/progress';
import { CLASSES, type Sample, toBatch } from './data';

export interface TrainingOptions {
  steps: number;
  batchSize: number;
  peakRate: number;
  /** A uniform generator on [0, 1), which decides the order of the batches. */
  random: () => number;
  label: string;
}

/** Trains in place. */
export async function train(
  model: tf.LayersModel,
  samples: readonly Sample[],
  { steps, batchSize, peakRate, random, label }: TrainingOptions,
): Promise<void> {
  const lengths = samples.map((s) => s.ids.length);
  const optimizer = new AdamW({ weightDecay: 0.01 });
  const progress = startProgress(label, steps);
  let batches: number[][] = [];
  for (let step = 0; step < steps; step++) {
    if (batches.length === 0) batches = batchesByLength(lengths, batchSize, random);
    const chosen = (batches.pop() as number[]).map((i) => samples[i] as Sample);
    const { ids, labels } = toBatch(chosen);
    optimizer.learningRate = learningRate(step, steps, peakRate);
    const loss = trainingStep(
      model,
      optimizer,
      ids,
      // Class 0 is a language like any other.
      (logits) => tokenCrossEntropy(labels, logits as tf.Tensor, { ignoreId: null }),
      { clipNorm: 1 },
    );
    progress.step(`loss ${((await loss.data())[0] as number).toFixed(2)}`);
    tf.dispose([loss, ids, labels]);
    // Reading a loss lets no timer run on wasm, and the bar is drawn by one.
    await setImmediate();
  }
  progress.stop();
  optimizer.dispose();
}

/** How often each language was taken for each: `confusion[actual][predicted]`. */
export function confusionOf(model: tf.LayersModel, samples: readonly Sample[]): number[][] {
  const confusion = CLASSES.map(() => CLASSES.map(() => 0));
  for (const some of chunks(samples, 64)) {
    const { ids, labels } = toBatch(some);
    const guesses = tf.tidy(() => tf.argMax(model.predict(ids) as tf.Tensor, -1).dataSync());
    tf.dispose([ids, labels]);
    some.forEach(({ label }, i) => {
      const row = confusion[label] as number[];
      const guess = guesses[i] as number;
      row[guess] = (row[guess] as number) + 1;
    });
  }
  return confusion;
}

/** Percentage on the diagonal. */
export function accuracyOf(confusion: readonly (readonly number[])[]): number {
  const right = confusion.reduce((sum, row, i) => sum + (row[i] as number), 0);
  return (100 * right) / confusion.flat().reduce((a, b) => a + b, 0);
}
