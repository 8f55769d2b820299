import * as tf from '@tensorflow/tfjs';

import { layers, memoryPeak, type RevColBackboneArgs } from 'tfjs-revcol';
import { describeBackends } from '../../support/backends';
import { normalTensor, projectedLoss, takeStep } from '../../support/training_step';

const [BATCH, SIDE] = [2, 16];
const CHANNELS = [8, 16];
/** One column's features: what an anchor takes, in bytes. */
const FEATURES = 4 * BATCH * (SIDE ** 2 * 8 + (SIDE / 2) ** 2 * 16);

/** Bytes at the peak of one training step, beyond the weights, the input and the gradients. */
async function activations(columns: number, args: RevColBackboneArgs): Promise<number> {
  const backbone = layers.revColBackbone({
    columns,
    channels: CHANNELS,
    depths: [1, 1],
    patchSize: 1,
    ...args,
  });
  const x = normalTensor([BATCH, SIDE, SIDE, 2], 1);
  tf.tidy(() => void backbone.apply(x));
  const before = tf.memory().numBytes;
  const { peakBytes } = await memoryPeak(() => {
    takeStep(
      () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
      backbone.trainableWeights,
    );
  });
  const gradients = backbone.trainableWeights.reduce((sum, w) => sum + 4 * w.read().size, 0);
  backbone.dispose();
  x.dispose();
  return peakBytes - before - gradients;
}

describeBackends(
  'memory of a training step',
  () => {
    test('reversible: constant in the number of columns, but for weights and gradients', async () => {
      const [four, twelve] = [
        await activations(4, { anchorEvery: Infinity }),
        await activations(12, { anchorEvery: Infinity }),
      ];
      expect(Math.abs(twelve - four)).toBeLessThan(0.05 * FEATURES);
    });

    test('each anchor adds the features of one column', async () => {
      const [none, every] = [
        await activations(12, { anchorEvery: Infinity }),
        await activations(12, { anchorEvery: 4 }),
      ];
      // After columns 3 and 7.
      expect(every - none).toBeGreaterThan(1.9 * FEATURES);
      expect(every - none).toBeLessThan(2.1 * FEATURES);
    });

    test('stored: grows by many feature maps with every column', async () => {
      const [four, twelve] = [
        await activations(4, { backprop: 'stored' }),
        await activations(12, { backprop: 'stored' }),
      ];
      const reversible = await activations(12, {});
      expect((twelve - four) / 8).toBeGreaterThan(10 * FEATURES);
      expect(twelve).toBeGreaterThan(5 * reversible);
    });

    test('outside of training nothing but the features of two columns is kept', async () => {
      const backbone = layers.revColBackbone({
        columns: 8,
        channels: CHANNELS,
        depths: [0, 0],
        patchSize: 1,
      });
      const x = normalTensor([BATCH, SIDE, SIDE, 2], 1);
      tf.tidy(() => void backbone.apply(x));
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(() => tf.tidy(() => void backbone.apply(x)));
      // The stem's output, two columns, and what one fusion computes on the way.
      expect(peakBytes - before).toBeLessThan(6 * FEATURES);
      backbone.dispose();
      x.dispose();
    });
  },
  // tfjs counts the same bytes on every backend; cpu is slow.
  { except: ['cpu'] },
);
