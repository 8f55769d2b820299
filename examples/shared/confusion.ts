/** How often a classifier takes each class for each. */
import * as tf from '@tensorflow/tfjs';

import { chunks } from './batches';

/** What a model is given of some samples, disposed of here; `labels` are not looked at. */
interface Batch {
  ids: tf.Tensor;
  labels: tf.Tensor;
}

/**
 * `confusion[actual][predicted]`.
 *
 * @param classes how many there are
 * @param batchSize samples at a time
 */
export function confusionOf<Sample extends { label: number }>(
  model: tf.LayersModel,
  samples: readonly Sample[],
  classes: number,
  batchSize: number,
  toBatch: (samples: readonly Sample[]) => Batch,
): number[][] {
  const confusion = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  for (const some of chunks(samples, batchSize)) {
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

/** Percentage on the diagonal: of all samples, or of those of one class. */
export function accuracyOf(confusion: readonly (readonly number[])[], only?: number): number {
  const rows = confusion.map((row, i) => [row[i] as number, row.reduce((a, b) => a + b, 0)]);
  const counted = only === undefined ? rows : rows.slice(only, only + 1);
  const [right, all] = [0, 1].map((k) => counted.reduce((sum, row) => sum + (row[k] as number), 0));
  return (100 * (right as number)) / (all as number);
}
