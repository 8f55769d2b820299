/** The signal and the MLP example on little data. */
import * as tf from '@tensorflow/tfjs';

import { centredBatch, loadDigits } from '../../examples/digits/data';
import { seededRandom } from '../../examples/shared/random';
import { mlpModel, PIXELS } from '../../examples/small/mlp_model';
import { signalModel } from '../../examples/small/signal_model';
import { SAMPLES, signalBatch, WAVES } from '../../examples/small/signals';
import {
  accuracyOf,
  type Batch,
  memoryOfModes,
  trainClassifier,
} from '../../examples/small/train_classifier';
import { withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectNoLeak } from '../support/backends';

function digitBatch(): Batch {
  const digits = loadDigits();
  const some = Array.from({ length: 40 }, (_, i) => digits[(i * 251) % digits.length]);
  const { images, labels } = centredBatch(some as (typeof digits)[number][]);
  const inputs = tf.reshape(images, [-1, PIXELS]);
  images.dispose();
  return { inputs, labels };
}

const CASES = {
  signal: {
    ...{ build: signalModel, batch: () => signalBatch(40, seededRandom(3)) },
    // After 80, one in five seeds has learnt three of four signals only.
    ...{ steps: 120, peakRate: 0.01 },
  },
  mlp: { build: mlpModel, batch: digitBatch, steps: 40, peakRate: 0.015 },
};

// The backend that both examples start by default.
describeBackends(
  'small examples',
  () => {
    test.each(Object.entries(CASES))('%s: fits a batch seen again and again', async (_, c) => {
      const { steps, peakRate } = c;
      const accuracy = await expectNoLeak(async () => {
        const model = withSeededRandom(5, () => c.build({ columns: 3 }));
        const batch = c.batch();
        function* same() {
          yield { inputs: tf.clone(batch.inputs), labels: tf.clone(batch.labels) };
        }
        const losses = await trainClassifier(model, same, { steps, peakRate });
        expect(losses).toHaveLength(steps);
        const result = accuracyOf(model, batch);
        tf.dispose([batch.inputs, batch.labels]);
        model.dispose();
        return result;
      });
      expect(accuracy).toBeGreaterThan(90);
    });

    test.each(Object.entries(CASES))('%s: more columns hardly take more memory', async (_, c) => {
      const batch = c.batch();
      const rows = (await memoryOfModes(c.build, [2, 8], batch)).split('\n').slice(2);
      tf.dispose([batch.inputs, batch.labels]);
      const [few, many] = rows.map((row) => row.split('|').slice(2, 4).map(Number)) as number[][];
      const growth = (mode: number) => (many?.[mode] as number) - (few?.[mode] as number);
      expect(growth(0)).toBeGreaterThan(0);
      expect(growth(1)).toBeLessThan(growth(0) / 2);
    });
  },
  { only: ['wasm'] },
);

describe('signals', () => {
  test('hold every kind of wave, labelled, and repeat with the seed', () => {
    const [a, b] = [signalBatch(60, seededRandom(1)), signalBatch(60, seededRandom(1))];
    expect(a.inputs.shape).toEqual([60, SAMPLES, 1]);
    expect(a.inputs.dataSync()).toEqual(b.inputs.dataSync());
    const counts = tf.tidy(() => tf.sum(a.labels, 0).dataSync());
    expect(counts).toHaveLength(Object.keys(WAVES).length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    tf.dispose([a.inputs, a.labels, b.inputs, b.labels]);
  });
});
