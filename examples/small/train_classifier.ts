/** Training of the small classifiers, and what it costs in memory. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, memoryPeak } from 'tfjs-revcol/training';
import { learningRate, loss } from '../digits/model';
import { startProgress } from '../shared/progress';
import { table } from '../shared/table';

/** How to build a network. */
export interface ModelOptions {
  columns: number;
  /** Default `'reversible'`. */
  backprop?: 'reversible' | 'stored';
}

/** One batch; whoever takes it disposes it. */
export interface Batch {
  inputs: tf.Tensor;
  /** One-hot, `[batch, classes]`, float32 */
  labels: tf.Tensor;
}

/** How to train. */
export interface TrainOptions {
  /** What the progress bar is called; without it there is none. */
  label?: string;
  /** Steps in all. */
  steps: number;
  /** Highest learning rate; it warms up and falls along a cosine. */
  peakRate: number;
}

/**
 * Trains in place with AdamW.
 *
 * @param epoch gives the batches of one epoch
 * @returns the loss of every step
 */
export async function trainClassifier(
  model: tf.LayersModel,
  epoch: () => Iterable<Batch>,
  { label, steps, peakRate }: TrainOptions,
): Promise<number[]> {
  const optimizer = new AdamW({ weightDecay: 0.01 });
  model.compile({ optimizer, loss });
  const progress = startProgress(label, steps);
  const losses: number[] = [];
  while (losses.length < steps) {
    for (const { inputs, labels } of epoch()) {
      optimizer.learningRate = learningRate(losses.length, steps, peakRate);
      const value = (await model.trainOnBatch(inputs, labels)) as number;
      tf.dispose([inputs, labels]);
      losses.push(value);
      progress.step(`loss ${value.toFixed(3)}`);
      // The wasm backend never waits: without this no timer would run, the bar's included.
      await tf.nextFrame();
      if (losses.length === steps) break;
    }
  }
  progress.stop();
  optimizer.dispose();
  return losses;
}

/** Percentage of rows whose largest logit is that of their label. */
export function accuracyOf(model: tf.LayersModel, { inputs, labels }: Batch): number {
  return tf.tidy(() => {
    const logits = model.predict(inputs, { batchSize: 250 }) as tf.Tensor;
    const right = tf.equal(tf.argMax(logits, -1), tf.argMax(labels, -1));
    return 100 * (tf.mean(tf.cast(right, 'float32')).dataSync()[0] as number);
  });
}

/** Peak memory of one gradient of the loss, for each number of columns and both modes, as a table. */
export async function memoryOfModes(
  build: (options: ModelOptions) => tf.LayersModel,
  columns: readonly number[],
  { inputs, labels }: Batch,
): Promise<string> {
  const rows: string[][] = [];
  for (const count of columns) {
    const peaks: number[] = [];
    for (const backprop of ['stored', 'reversible'] as const) {
      const model = build({ columns: count, backprop });
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(() => {
        tf.tidy(() => {
          const logits = () => model.apply(inputs, { training: true }) as tf.Tensor;
          tf.variableGrads(() => loss(labels, logits()) as tf.Scalar);
        });
      });
      peaks.push((peakBytes - before) / 1e6);
      model.dispose();
    }
    const [stored, reversible] = peaks as [number, number];
    rows.push([
      String(count),
      stored.toFixed(1),
      reversible.toFixed(1),
      `${(stored / reversible).toFixed(1)}x`,
    ]);
  }
  const batch = inputs.shape[0];
  return table(['columns', `stored, MB at batch ${batch}`, 'reversible, MB', 'less'], rows);
}
