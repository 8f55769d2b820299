/** Columns whose output nobody asked for: with `output` a list that ends before the last column. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

const ARGS = { columns: 3, channels: [4, 4], depths: [1, 1], patchSize: 1, output: [0, 1] };

describeBackends('columns behind the last tap', () => {
  test.each(['reversible', 'stored'] as const)('are not run, %s', async (backprop) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone({ ...ARGS, name: 'taps', backprop });
        const shorter = layers.revColBackbone({ ...ARGS, name: 'short', columns: 2, backprop });
        const x = normalTensor([1, 4, 4, 2], 1);
        const [ours, theirs] = [backbone, shorter].map((layer) => {
          layer.apply(x);
          randomizeWeights(layer.weights, 3);
          const loss = () => {
            const [a, b] = layer.apply(x, { training: true }) as [tf.Tensor, tf.Tensor];
            return tf.add(projectedLoss(a), projectedLoss(b));
          };
          return takeStep(loss, layer.trainableWeights, x);
        }) as [ReturnType<typeof takeStep>, ReturnType<typeof takeStep>];
        expect(ours.loss).toBe(theirs.loss);
        const names = [...ours.gradients.keys()];
        expect(names.filter((name) => name.includes('column_2'))).toEqual([]);
        expect(names).toHaveLength(theirs.gradients.size);
        for (const [name, gradient] of theirs.gradients) {
          const own = ours.gradients.get(name.replace('short', 'taps'));
          expectClose(own ?? [], gradient, 1e-6, name);
        }
        backbone.dispose();
        shorter.dispose();
      }),
    );
  });
});
