/** Chosen levels of a backbone, and what it says of its outputs before anything runs. */
import * as tf from '@tensorflow/tfjs';

import { createModel, type FeatureInfo, layers, type RevColBackboneArgs } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
} from '../../support/training_step';

const SMALL: RevColBackboneArgs = {
  columns: 3,
  channels: [4, 6, 5],
  depths: [1, 1, 1],
  patchSize: 2,
  name: 'backbone',
};

const INFO = [
  { column: 2, level: 0, channels: 4, reduction: 2 },
  { column: 2, level: 1, channels: 6, reduction: 4 },
  { column: 2, level: 2, channels: 5, reduction: 8 },
];

describeBackends('chosen levels', () => {
  test.each([[[0, 2]], [[1]], [[0]], [[0, 1, 2]]])('%j: those of the pyramid', async (levels) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [all, some] = [undefined, levels].map((chosen) => {
          const backbone = layers.revColBackbone({ ...SMALL, output: 'pyramid', levels: chosen });
          const x = normalTensor([2, 16, 24, 3], 1);
          backbone.apply(x);
          randomizeWeights(backbone.weights, 2);
          const outputs = [backbone.apply(x) as tf.Tensor | tf.Tensor[]].flat();
          backbone.dispose();
          return outputs;
        }) as [tf.Tensor[], tf.Tensor[]];
        expect(some).toHaveLength(levels.length);
        levels.forEach((level, i) => {
          expectClose(some[i] as tf.Tensor, all[level] as tf.Tensor, 0, `level ${level}`);
        });
      }),
    );
  });

  test.each([[[0, 2]], [[1]], [[0]]])('%j: both modes train alike', async (levels) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [reversible, stored] = (['reversible', 'stored'] as const).map((backprop) => {
          const backbone = layers.revColBackbone({ ...SMALL, output: 'pyramid', levels, backprop });
          const x = normalTensor([2, 8, 8, 3], 4);
          backbone.apply(x);
          randomizeWeights(backbone.weights, 2);
          const step = takeStep(
            () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
            backbone.trainableWeights,
            x,
          );
          backbone.dispose();
          return step;
        }) as [Step, Step];
        expectClose([reversible.loss], [stored.loss], 1e-5, 'loss');
        expectClose(reversible.input as Float32Array, stored.input as Float32Array, 1e-4, 'input');
        expect(reversible.gradients.size).toBeGreaterThan(30);
        for (const [name, gradient] of reversible.gradients) {
          // The plain tape gives none where nothing depends on a weight, as above the highest level.
          const expected = stored.gradients.get(name) ?? new Float32Array(gradient.length);
          expectClose(gradient, expected, 1e-4, name);
        }
        expect([...stored.gradients.keys()].filter((n) => !reversible.gradients.has(n))).toEqual(
          [],
        );
      }),
    );
  });
});

describe('featureInfo', () => {
  const OUTPUTS: [Partial<RevColBackboneArgs>, FeatureInfo[]][] = [
    [{}, INFO.slice(2)],
    [{ output: 'pyramid' }, INFO],
    [{ output: 'pyramid', levels: [0, 2] }, [INFO[0], INFO[2]] as FeatureInfo[]],
    [{ output: 'columns' }, [0, 1, 2].map((column) => ({ ...(INFO[2] as FeatureInfo), column }))],
    [{ output: [0, 2] }, [0, 2].map((column) => ({ ...(INFO[2] as FeatureInfo), column }))],
  ];

  test.each(OUTPUTS)('%j: is true of the outputs, and known before them', (args, expected) => {
    const backbone = layers.revColBackbone({ ...SMALL, ...args });
    expect(backbone.featureInfo).toEqual(expected);
    const outputs = [
      backbone.apply(tf.input({ shape: [64, 96, 3] })),
    ].flat() as tf.SymbolicTensor[];
    expect(backbone.featureInfo).toEqual(expected);
    expect(outputs.map((o) => o.shape)).toEqual(
      expected.map(({ channels, reduction: r }) => [null, 64 / r, 96 / r, channels]),
    );
    backbone.dispose();
  });

  test('of stems and levels of other kinds', () => {
    const block = layers.transformerEncoderBlock({ numHeads: 2 });
    const tokens: RevColBackboneArgs = {
      channels: [4, 4],
      depths: [1, 1],
      output: 'pyramid',
      block,
    };
    const reductions = (args: object, shape: (number | null)[]) => {
      const backbone = layers.revColBackbone({ ...args, inputShape: shape as number[] });
      return backbone.featureInfo.map(({ reduction }) => reduction);
    };
    const embedding = layers.tokenEmbedding({ inputDim: 9, outputDim: 4 });
    expect(reductions({ ...tokens, stem: embedding }, [null])).toEqual([1, 1]);
    const patches = layers.patchEmbedding({ filters: 4, patchSize: 16 });
    expect(reductions({ ...tokens, stem: patches }, [64, 96, 3])).toEqual([16, 16]);
    const strided = tf.layers.conv1d({ filters: 4, kernelSize: 8, strides: 4, padding: 'same' });
    expect(reductions({ ...tokens, stem: strided }, [128, 1])).toEqual([4, 4]);
    const rows = { channels: [4, 4], depths: [1, 1], block: tf.layers.dense({ units: 4 }) };
    expect(reductions(rows, [20])).toEqual([1]);
    for (const patchSize of [1, 3, 4, 7, 11, 32]) {
      const sizes = { ...SMALL, patchSize, output: 'pyramid' } as const;
      const expected = [1, 2, 4].map((factor) => factor * patchSize);
      expect(reductions(sizes, [null, null, 3])).toEqual(expected);
      expect(reductions({ ...sizes, isotropic: true, channels: [4, 4, 4] }, [256, 256, 3])).toEqual(
        [1, 1, 1].map(() => patchSize),
      );
    }
    const open = layers.revColBackbone({ ...tokens, stem: embedding });
    expect(() => open.featureInfo).toThrow(/featureInfo needs an input; give inputShape/);
  });

  test('of the published sizes, as timm has it', () => {
    const model = createModel('revcol_tiny', { inputShape: [32, 32, 3], columns: 1 });
    const { featureInfo } = model.getLayer('backbone') as unknown as { featureInfo: FeatureInfo[] };
    expect(featureInfo).toEqual([{ column: 0, level: 3, channels: 512, reduction: 32 }]);
    model.dispose();
  });

  test.each([
    [
      { output: 'pyramid', levels: [] },
      /levels is \[\]; expected ascending level numbers from 0 to 2/,
    ],
    [{ output: 'pyramid', levels: [1, 0] }, /levels is \[1,0\]/],
    [{ output: 'pyramid', levels: [3] }, /levels is \[3\]/],
    [{ output: 'pyramid', levels: 1 }, /levels is 1/],
    [
      { levels: [1] },
      /chosen with output "last", which gives top levels only; set output: 'pyramid'/,
    ],
    [{ output: [0], levels: [1] }, /chosen with output \[0\]/],
  ])('%j is refused', (args, message) => {
    expect(() => layers.revColBackbone({ ...SMALL, ...args } as RevColBackboneArgs)).toThrow(
      message,
    );
  });
});
