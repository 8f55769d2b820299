/** Batch statistics inside blocks move once per training step, and not at all otherwise. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

const MOMENTUM = 0.75;

describeBackends('moving statistics', () => {
  test.each(['reversible', 'stored'] as const)('in mode %s', async (backprop) => {
    await expectNoLeak(() =>
      tidyAll(() => {
        const block = tf.layers.batchNormalization({ momentum: MOMENTUM });
        const backbone = layers.revColBackbone({
          name: 'b',
          columns: 2,
          channels: [3, 4],
          depths: [1, 1],
          backprop,
          block,
        });
        const x = normalTensor([8, 5], 1);
        backbone.apply(x);
        randomizeWeights(backbone.weights, 2);
        const valueOf = (name: string) => {
          const weight = backbone.weights.find(
            (w) => w.originalName === `b/column_0/level_0/block_0/${name}`,
          );
          return tf.clone((weight as tf.LayerVariable).read());
        };
        const before = ['moving_mean', 'moving_variance'].map(valueOf);
        // The first block of the first column sees the stem's output.
        const { mean, variance } = tf.moments(backbone.stem.apply(x) as tf.Tensor, 0);

        backbone.apply(x, { training: false });
        takeStep(() => projectedLoss(backbone.apply(x) as tf.Tensor), [], x);
        expect(valueOf('moving_mean').dataSync()).toEqual(before[0]?.dataSync());

        const step = () =>
          takeStep(
            () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
            backbone.trainableWeights,
            x,
          );
        step();
        [mean, variance].forEach((batch, i) => {
          const old = before[i] as tf.Tensor;
          const expected = tf.add(tf.mul(old, MOMENTUM), tf.mul(batch, 1 - MOMENTUM));
          const name = ['moving_mean', 'moving_variance'][i] as string;
          expectClose(valueOf(name), expected, 1e-5, name);
        });
        backbone.dispose();
      }),
    );
  });
});
