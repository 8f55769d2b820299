import * as tf from '@tensorflow/tfjs';

import { layers, memoryPeak, type RevColBackboneArgs } from 'tfjs-revcol';
import { describeBackends } from '../../support/backends';
import { normalTensor, projectedLoss, takeStep } from '../../support/training_step';

const [BATCH, SIDE] = [2, 16];
const CHANNELS = [8, 16];
/** One column's features: what an anchor takes, in bytes. */
const FEATURES = 4 * BATCH * (SIDE ** 2 * 8 + (SIDE / 2) ** 2 * 16);

/** Bytes beyond the weights and the input. */
interface Bytes {
  /** At the peak of one training step, the gradients not counted. */
  peak: number;
  /** When the forward pass has ended. */
  kept: number;
}

async function bytesOf(columns: number, args: RevColBackboneArgs): Promise<Bytes> {
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
  let kept = 0;
  const { peakBytes } = await memoryPeak(() => {
    takeStep(() => {
      const loss = projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor);
      kept = tf.memory().numBytes - before;
      return loss;
    }, backbone.trainableWeights);
  });
  const gradients = backbone.trainableWeights.reduce((sum, w) => sum + 4 * w.read().size, 0);
  backbone.dispose();
  x.dispose();
  return { peak: peakBytes - before - gradients, kept };
}

/** Bytes at the peak of one training step, beyond the weights, the input and the gradients. */
async function activations(columns: number, args: RevColBackboneArgs): Promise<number> {
  return (await bytesOf(columns, args)).peak;
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

    test('each anchor adds the features of one column until it has been used', async () => {
      const [none, every] = [
        await bytesOf(12, { anchorEvery: Infinity }),
        await bytesOf(12, { anchorEvery: 4 }),
      ];
      // After columns 3 and 7.
      expect(every.kept - none.kept).toBeGreaterThan(1.9 * FEATURES);
      expect(every.kept - none.kept).toBeLessThan(2.1 * FEATURES);
      // The peak is where the last gradients join all others, and there they have been used.
      expect(every.peak - none.peak).toBeLessThan(0.05 * FEATURES);
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
