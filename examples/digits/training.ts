/** Training on digits, and what came of it. */
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol/training';
import { centredBatch, type Digit, shiftedBatches } from './data';
import { learningRate, loss } from './model';

/** How to train. */
export interface TrainOptions {
  epochs: number;
  batchSize: number;
  /** Highest learning rate. */
  peak: number;
  random: () => number;
  /** Called after every step with the loss. */
  onStep?: (loss: number) => void;
}

/** Steps that `train` will take. */
export function stepCount(
  digits: number,
  { epochs, batchSize }: Pick<TrainOptions, 'epochs' | 'batchSize'>,
): number {
  return epochs * Math.ceil(digits / batchSize);
}

/** Trains the model in place. */
export async function train(
  model: tf.LayersModel,
  digits: readonly Digit[],
  options: TrainOptions,
): Promise<void> {
  const { epochs, batchSize, peak, random, onStep } = options;
  const optimizer = new AdamW({ weightDecay: 0.05 });
  model.compile({ optimizer, loss });
  const steps = stepCount(digits.length, options);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const { images, labels } of shiftedBatches(digits, batchSize, random)) {
      optimizer.learningRate = learningRate(step++, steps, peak);
      const value = (await model.trainOnBatch(images, labels)) as number;
      tf.dispose([images, labels]);
      onStep?.(value);
      // The wasm backend never waits: without this no timer would run, the progress bar's included.
      await tf.nextFrame();
    }
  }
  optimizer.dispose();
}

/** Logits of all digits, `[digits, 10]` row by row. */
export function predict(model: tf.LayersModel, digits: readonly Digit[]): Float32Array {
  return tf.tidy(() => {
    const { images } = centredBatch(digits);
    return (model.predict(images, { batchSize: 250 }) as tf.Tensor).dataSync<'float32'>();
  });
}

/** Share of the digits whose largest logit is that of their label. */
export function accuracy(logits: Float32Array, digits: readonly Digit[]): number {
  const classes = logits.length / digits.length;
  const right = digits.filter(({ label }, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row)) === label;
  });
  return right.length / digits.length;
}
