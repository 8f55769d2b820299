/** Training, the same for both models. */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';

import { AdamW, tokenCrossEntropy, trainingStep } from 'tfjs-revcol/training';
import { learningRate } from '../digits/model';
import { batchesByLength } from '../shared/batches';
import { startProgress } from '../shared/progress';
import { type Sample, toBatch } from './data';

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
