/** Blocks and fusions that are not this package's: stock tfjs layers, models, classes of a user's. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { OwnBlock, OwnFusion } from '../own_layers';
import { expectModesAgree } from './compare_modes';

type Case = [args: RevColBackboneArgs, inputShape: number[]];

const IMAGE = [2, 13, 10, 3];
const PYRAMID = { columns: 3, channels: [4, 6, 5], depths: [1, 2, 1], patchSize: 2 };
const FEATURES = { columns: 3, channels: [5, 7], depths: [2, 1] };

/** A residual block as a nested functional model; its input has no fixed height and width. */
function residualModel(width: number): tf.LayersModel {
  const x = tf.input({ shape: [null, null, width] });
  const y = tf.layers
    .separableConv2d({ filters: width, kernelSize: 3, padding: 'same', activation: 'relu' })
    .apply(x) as tf.SymbolicTensor;
  return tf.model({ inputs: x, outputs: tf.layers.add().apply([x, y]) as tf.SymbolicTensor });
}

const conv = (filters: number) =>
  tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'tanh' });

/** Stock layers that end in one that knows its width: one template per level. */
const CASES: Record<string, () => Case> = {
  'conv2d, a template per level': () => [{ ...PYRAMID, block: [4, 6, 5].map(conv) }, IMAGE],
  'separableConv2d, a template per level': () => [
    {
      ...PYRAMID,
      block: [4, 6, 5].map((filters) =>
        tf.layers.separableConv2d({ filters, kernelSize: 3, padding: 'same', activation: 'tanh' }),
      ),
    },
    IMAGE,
  ],
  depthwiseConv2d: () => [
    { ...PYRAMID, block: tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }) },
    IMAGE,
  ],
  layerNormalization: () => [{ ...PYRAMID, block: tf.layers.layerNormalization() }, IMAGE],
  'nested functional models': () => [{ ...PYRAMID, block: [4, 6, 5].map(residualModel) }, IMAGE],
  'a nested sequential model': () => [
    {
      ...FEATURES,
      channels: [6, 6],
      block: tf.sequential({
        layers: [
          tf.layers.dense({ units: 9, activation: 'tanh', inputShape: [6] }),
          tf.layers.batchNormalization({ momentum: 0.5 }),
          tf.layers.dense({ units: 6 }),
        ],
      }),
    },
    // Statistics of few samples amplify rounding errors.
    [24, 4],
  ],
  'dense on features': () => [
    {
      ...FEATURES,
      block: [5, 7].map((units) => tf.layers.dense({ units, activation: 'tanh' })),
    },
    [4, 3],
  ],
  'dense on sequences': () => [
    {
      ...FEATURES,
      block: [5, 7].map((units) => tf.layers.dense({ units, activation: 'tanh' })),
    },
    [2, 6, 3],
  ],
  'a class of the user, on images': () => [{ ...PYRAMID, block: new OwnBlock() }, IMAGE],
  'a class of the user, on features': () => [{ ...FEATURES, block: new OwnBlock() }, [5, 3]],
  'a class of the user, on sequences': () => [{ ...FEATURES, block: new OwnBlock() }, [2, 6, 3]],
  'blocks of two kinds': () => [
    { ...FEATURES, block: [new OwnBlock({ rate: 0.5 }), tf.layers.dense({ units: 7 })] },
    [4, 3],
  ],
  'a fusion of the user': () => [
    { ...FEATURES, channels: [6, 6], fusion: new OwnFusion(), block: new OwnBlock() },
    [4, 3],
  ],
  'a stock fusion (add)': () => [
    { ...FEATURES, channels: [6, 6], fusion: tf.layers.add(), block: new OwnBlock() },
    [2, 5, 3],
  ],
  'stochastic depth around blocks of the user': () => [
    { ...FEATURES, block: new OwnBlock({ rate: 0 }), dropPathRate: 0.6 },
    [6, 3],
  ],
  'a stem of the user': () => [
    { ...FEATURES, block: new OwnBlock(), stem: tf.layers.dense({ units: 5, activation: 'relu' }) },
    [4, 3],
  ],
};

describeBackends('blocks and fusions of other makers', () => {
  test.each(Object.entries(CASES))('%s: reversible equals stored', async (_, make) => {
    const { differentiated, after } = await expectNoLeak(() => {
      const [args, inputShape] = make();
      const templates = [args.block, args.fusion, args.stem].flat();
      const compared = expectModesAgree(
        (backprop) =>
          layers.revColBackbone({ ...args, name: 'backbone', output: 'pyramid', backprop }),
        inputShape,
      );
      // A nested model as template has weights of its own, that serve for nothing.
      for (const t of templates) if (t instanceof tf.LayersModel) t.dispose();
      return compared;
    });
    // Every block of every column learns, and no two weights share a name.
    const blocks = new Set(
      [...after.keys()].map((name) => /column_\d+\/level_\d+\/(block_\d+)?/.exec(name)?.[0]),
    );
    blocks.delete(undefined);
    for (const block of blocks) {
      expect(differentiated.some((name) => name.includes(block as string))).toBe(true);
    }
  });

  test.each([
    ['lstm', () => tf.layers.lstm({ units: 4, returnSequences: true, stateful: true })],
    [
      'lstm in a wrapper',
      () =>
        tf.layers.bidirectional({
          layer: tf.layers.lstm({ units: 4, returnSequences: true, stateful: true }) as tf.RNN,
          mergeMode: 'sum',
        }),
    ],
  ] as const)('a stateful %s is refused in reversible training only', (_, block) => {
    tf.tidy(() => {
      const x = tf.ones([2, 3, 4]);
      const run = (backprop: 'reversible' | 'stored') => {
        const backbone = layers.revColBackbone({
          batchInputShape: [2, 3, 4],
          columns: 2,
          channels: [4, 4],
          depths: [1, 1],
          isotropic: true,
          block: block(),
          backprop,
        } as RevColBackboneArgs);
        backbone.apply(x);
        return tf.variableGrads(
          () => tf.sum(backbone.apply(x, { training: true }) as tf.Tensor),
          backbone.trainableWeights.map((w) => w.read() as tf.Variable),
        );
      };
      expect(() => run('reversible')).toThrow(/ is stateful: .*stateful: false, or .*'stored'/);
      expect(Object.keys(run('stored').grads).length).toBeGreaterThan(0);
    });
  });
});
