/** RevCol-ViT: what it computes, and what is refused. */
import * as tf from '@tensorflow/tfjs';

import { createModel, createVitModel, type VitSizeName } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import { expectSameStep, normalTensor, randomizeWeights, takeStep } from '../support/training_step';

describeBackends('RevCol-ViT', () => {
  test('reversible equals stored, and nothing leaks', async () => {
    const options = { numClasses: 4, patchSize: 8, depths: [1, 1, 1, 1] };
    const run = (backprop: 'reversible' | 'stored') => {
      const model = createModel('revcol_vit_small', {
        ...options,
        inputShape: [24, 24, 3],
        channels: [16, 16, 16, 16],
        dropPathRate: 0.2,
        backprop,
      });
      randomizeWeights(model.weights, 5);
      const x = normalTensor([2, 24, 24, 3], 1);
      const labels = tf.tensor2d([0, 1, 0, 0, 0, 0, 0, 1], [2, 4]);
      const result = takeStep(
        () =>
          tf.losses.softmaxCrossEntropy(labels, model.apply(x, { training: true }) as tf.Tensor),
        model.trainableWeights,
      );
      tf.dispose([x, labels]);
      model.dispose();
      return result;
    };
    await expectNoLeak(() => expectSameStep(run('reversible'), run('stored'), 1e-4));
  });
});

test('wrong names and options are refused', async () => {
  expect(() => createVitModel('revcol_tiny' as VitSizeName)).toThrow(
    /^createVitModel: 'revcol_tiny' is not a RevCol-ViT size; expected .*revcol_vit_small or /,
  );
  await expect(
    createModel('revcol_vit_small' as 'revcol_tiny.in1k', { pretrained: true }),
  ).rejects.toThrow('createModel: no weights of revcol_vit_small were published');
  expect(() => createModel('revcol_vit_small', { intermediateSupervision: true })).toThrow(
    'leave these options out',
  );
  expect(() => createVitModel('revcol_vit_base', { channels: [6, 12, 6, 6] })).toThrow(
    'expected the same number at every level, a multiple of 6',
  );
  expect(() => createVitModel('revcol_vit_small', { inputShape: [8, 8, 3] })).toThrow(
    'at least 16, the patchSize',
  );
});
