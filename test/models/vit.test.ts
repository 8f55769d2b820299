import * as tf from '@tensorflow/tfjs';

import { createModel, createVitModel, VIT_SIZES, type VitSizeName } from 'tfjs-revcol';
import { countParameters } from '../../src/models/describe';
import { describeVitWeights, type VitLayout, vitMultiplyAdds } from '../../src/models/vit_cost';
import { describeBackends, expectNoLeak } from '../support/backends';
import { expectSameStep, normalTensor, randomizeWeights, takeStep } from '../support/training_step';

function layoutOf(name: VitSizeName): VitLayout {
  return { ...VIT_SIZES[name], inputShape: [224, 224, 3], numClasses: 1000 };
}

describe('sizes', () => {
  // RevCol paper, table of isotropic models.
  test.each([
    ['revcol_vit_small', 4.6],
    ['revcol_vit_base', 18.8],
  ] as const)('%s costs what the paper says, %d GFLOPs', (name, published) => {
    const billions = vitMultiplyAdds(layoutOf(name)) / 1e9;
    expect(Math.abs(billions - published)).toBeLessThan(0.01 * published);
    expect(countParameters(describeVitWeights(layoutOf(name)))).toBe(VIT_SIZES[name].parameters);
  });

  test('the work is that of the products which a forward pass makes', async () => {
    await tf.setBackend('cpu');
    const layout: VitLayout = {
      width: 8,
      numHeads: 4,
      columns: 2,
      depths: [1, 2],
      patchSize: 4,
      inputShape: [13, 9, 3],
      numClasses: 5,
    };
    const model = createVitModel('revcol_vit_small', {
      ...layout,
      depths: [...layout.depths],
      channels: [8, 8],
      inputShape: [13, 9, 3],
    });
    expect(
      model.weights.map((w) => ({ name: w.originalName, shape: w.shape as number[] })),
    ).toEqual(
      expect.arrayContaining(
        describeVitWeights(layout).map(({ name, shape }) => ({ name, shape })),
      ),
    );
    expect(model.countParams()).toBe(countParameters(describeVitWeights(layout)));
    const x = normalTensor([1, 13, 9, 3], 1);
    expect(countProducts(() => model.predict(x) as tf.Tensor)).toBe(vitMultiplyAdds(layout));
    x.dispose();
    model.dispose();
  });
});

/** Multiply-adds of all matrix products that run in `fn`. */
function countProducts(fn: () => tf.Tensor): number {
  const config = tf.getKernel('BatchMatMul', 'cpu');
  let total = 0;
  tf.unregisterKernel('BatchMatMul', 'cpu');
  tf.registerKernel({
    ...config,
    kernelFunc: (params) => {
      const { a, b } = params.inputs as Record<'a' | 'b', tf.TensorInfo>;
      const { transposeA, transposeB } = params.attrs as Record<string, unknown>;
      const inner = a.shape[a.shape.length - (transposeA === true ? 2 : 1)] as number;
      const columns = b.shape[b.shape.length - (transposeB === true ? 2 : 1)] as number;
      total += (tf.util.sizeFromShape(a.shape) / inner) * inner * columns;
      return config.kernelFunc(params);
    },
  });
  try {
    fn().dispose();
  } finally {
    tf.unregisterKernel('BatchMatMul', 'cpu');
    tf.registerKernel(config);
  }
  return total;
}

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

test('wrong options are refused', () => {
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
