import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackbone } from 'tfjs-revcol';
import { clampAlphas } from '../../../src/ops/reversible/alpha';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { normalTensor, projectedLoss, takeStep, weightValues } from '../../support/training_step';

const SMALLEST = Math.fround(1e-3);

function build(): { backbone: RevColBackbone; x: tf.Tensor } {
  const backbone = layers.revColBackbone({
    columns: 3,
    channels: [4, 5],
    depths: [1, 0],
    patchSize: 1,
  });
  const x = normalTensor([1, 4, 4, 2], 1);
  tf.tidy(() => void backbone.apply(x));
  return { backbone, x };
}

/** Writes an alpha, `[channels of the level]`. */
function setAlpha(backbone: RevColBackbone, column: number, values: number[]): tf.LayerVariable {
  const level = values.length - 4;
  const alpha = backbone.weights.find((w) =>
    w.originalName.endsWith(`column_${column}/level_${level}/alpha`),
  ) as tf.LayerVariable;
  tf.tidy(() => {
    alpha.write(tf.tensor1d(values));
  });
  return alpha;
}

describeBackends('alphas', (backend) => {
  test('are clamped to 1e-3, sign kept, and written back', async () => {
    await expectNoLeak(() => {
      const { backbone, x } = build();
      const alpha = setAlpha(backbone, 1, [0, -1e-5, 0.25, -0.5]);
      const untouched = setAlpha(backbone, 2, [1, -0.002, 3, 0.5, 0.001]);
      tf.tidy(() => void backbone.apply(x));
      expect([...alpha.read().dataSync()]).toEqual([SMALLEST, -SMALLEST, 0.25, -0.5]);
      expect([...untouched.read().dataSync()]).toEqual([1, -0.002, 3, 0.5, 0.001].map(Math.fround));
      backbone.dispose();
      x.dispose();
    });
  });

  test('of a column that is given features are clamped, too', () => {
    tf.tidy(() => {
      const column = layers.reversibleColumn({ channels: [4, 5], depths: [0, 0] });
      const shapes = [
        [1, 2, 2, 4],
        [1, 2, 2, 4],
        [1, 1, 1, 5],
      ];
      const features = shapes.map((shape, i) => normalTensor(shape, i));
      column.apply(features);
      const alpha = column.weights.find((w) => w.originalName.endsWith('level_0/alpha'));
      alpha?.write(tf.tensor1d([0, -1e-5, 0.25, 1]));
      column.apply(features);
      expect([...(alpha?.read().dataSync() ?? [])]).toEqual([SMALLEST, -SMALLEST, 0.25, 1]);
      column.dispose();
    });
  });

  test('of the first column are not used, so not looked at', () => {
    tf.tidy(() => {
      const { backbone, x } = build();
      const alpha = setAlpha(backbone, 0, [NaN, 0, 0.5, 0.5]);
      backbone.apply(x);
      expect([...alpha.read().dataSync()]).toEqual([NaN, 0, 0.5, 0.5]);
      backbone.dispose();
    });
  });

  // Where values are read later, so is the error: late_alphas.test.ts.
  const atOnce = ['webgl', 'webgpu'].includes(backend) ? test.skip : test;
  atOnce.each([NaN, Infinity, -Infinity])('%d is an error that changes nothing', async (bad) => {
    const { backbone, x } = build();
    setAlpha(backbone, 1, [0, 0.5, 0.5, 0.5]);
    setAlpha(backbone, 2, [0.5, 0.5, 0.5, bad, 0.5]);
    const before = weightValues(backbone.weights);
    const message = new RegExp(
      `alpha of column 2, level 1 is ${bad} in channel 3; expected finite`,
    );
    await expectNoLeak(() => {
      expect(() => tf.tidy(() => void backbone.apply(x))).toThrow(message);
      expect(() =>
        takeStep(
          () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
          backbone.trainableWeights,
          x,
        ),
      ).toThrow(message);
    });
    expect([...weightValues(backbone.weights)]).toEqual([...before]);
    backbone.dispose();
    x.dispose();
  });

  atOnce('that are gone are an error, after which others are still read at once', () => {
    const named = (values: number[]) => ({
      variable: tf.tidy(() => tf.variable(tf.tensor1d(values))),
      ...{ column: 1, level: 0 },
    });
    const [gone, there, bad] = [named([0.5]), named([-0.25, 2]), named([NaN])] as const;
    gone.variable.dispose();
    expect(() => clampAlphas([there, gone])).toThrow('disposed');
    expect(clampAlphas([there])).toEqual([0.25]);
    expect(() => clampAlphas([there, bad])).toThrow('is NaN in channel 0');
    tf.dispose([there.variable, bad.variable]);
  });
});
