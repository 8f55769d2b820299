/** What tfjs does with a layer's weights: names, order, counting, copying, freezing, disposal. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs } from 'tfjs-revcol';
import {
  BACKENDS,
  describeBackends,
  expectClose,
  expectNoLeak,
  useBackend,
} from '../../support/backends';
import {
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';
import { OwnBlock } from '../own_layers';

const SMALL: RevColBackboneArgs = {
  name: 'backbone',
  columns: 2,
  channels: [4, 6],
  depths: [2, 0],
  patchSize: 1,
};
const IMAGE: [number, number, number] = [4, 4, 3];

beforeAll(() => useBackend(BACKENDS[0] as string));

/** Names with shapes of a backbone's weights, as text. */
function listing(args: RevColBackboneArgs, inputShape: number[] = IMAGE): string[] {
  const backbone = layers.revColBackbone(args);
  backbone.apply(tf.input({ shape: inputShape }));
  const list = backbone.weights.map((w) => `${w.originalName} ${JSON.stringify(w.shape)}`);
  backbone.dispose();
  return list;
}

const block = (path: string): string[] => [
  `${path}/depthwise/kernel [3,3,4,1]`,
  `${path}/depthwise/bias [4]`,
  `${path}/norm/gamma [4]`,
  `${path}/norm/beta [4]`,
  `${path}/expand/kernel [4,16]`,
  `${path}/expand/bias [16]`,
  `${path}/project/kernel [16,4]`,
  `${path}/project/bias [4]`,
  `${path}/layer_scale [4]`,
];
const fusionPath = (path: string, kernel: string, channels: number): string[] => [
  `${path}/kernel ${kernel}`,
  `${path}/bias [${channels}]`,
  `${path}_norm/gamma [${channels}]`,
  `${path}_norm/beta [${channels}]`,
];

test('names follow the structure; trainable ones come first, then those that are not', () => {
  expect(listing(SMALL)).toEqual([
    'backbone/stem/projection/kernel [1,1,3,4]',
    'backbone/stem/projection/bias [4]',
    'backbone/stem/norm/gamma [4]',
    'backbone/stem/norm/beta [4]',
    ...block('backbone/column_0/level_0/block_0'),
    ...block('backbone/column_0/level_0/block_1'),
    ...fusionPath('backbone/column_0/level_1/fusion/down', '[2,2,4,6]', 6),
    'backbone/column_1/level_0/alpha [4]',
    'backbone/column_1/level_1/alpha [6]',
    ...fusionPath('backbone/column_1/level_0/fusion/up', '[6,4]', 4),
    ...block('backbone/column_1/level_0/block_0'),
    ...block('backbone/column_1/level_0/block_1'),
    ...fusionPath('backbone/column_1/level_1/fusion/down', '[2,2,4,6]', 6),
    // The first column multiplies nothing; published checkpoints have its alphas all the same.
    'backbone/column_0/level_0/alpha [4]',
    'backbone/column_0/level_1/alpha [6]',
  ]);
});

test('the Huge connection adds one path at level 0 of later columns', () => {
  const huge = listing({ ...SMALL, channels: [4, 6, 5], depths: [0, 0, 0], topFusion: true });
  const plain = listing({ ...SMALL, channels: [4, 6, 5], depths: [0, 0, 0] });
  expect(huge.filter((name) => !plain.includes(name))).toEqual(
    fusionPath('backbone/column_1/level_0/fusion/top', '[5,4]', 4),
  );
});

test('weights of blocks of the user are named by their place, each once', () => {
  const args = { ...SMALL, channels: [4, 4], depths: [1, 1] };
  const own = listing({ ...args, block: new OwnBlock() }, [3]);
  const under = (path: string) =>
    own.filter((n) => n.startsWith(path)).map((n) => n.slice(path.length));
  expect(under('backbone/column_1/level_0/block_0/')).toEqual([
    'gamma [4]',
    'beta [4]',
    'kernel [4,4]',
    'bias [4]',
    'moving_mean [4]',
    'moving_variance [4]',
  ]);
  expect(new Set(own).size).toBe(own.length);
  const nested = tf.sequential({
    layers: ['first', 'second'].map((name) =>
      tf.layers.dense({ name, units: 4, inputShape: [4], useBias: false }),
    ),
  });
  const ofModel = listing({ ...args, block: nested, stem: nested }, [4]);
  nested.dispose();
  expect(ofModel).toContain('backbone/stem/second/kernel [4,4]');
  expect(ofModel).toContain('backbone/column_0/level_0/block_0/first/kernel [4,4]');
  expect(ofModel).toContain('backbone/column_1/level_1/block_0/second/kernel [4,4]');
  expect(new Set(ofModel).size).toBe(ofModel.length);
});

test('names do not depend on what else the process has built', () => {
  const first = listing(SMALL);
  const other = layers.revColBackbone({ ...SMALL, inputShape: IMAGE });
  other.apply(tf.input({ shape: IMAGE }));
  expect(listing(SMALL)).toEqual(first);
  other.dispose();
});

test('countParams and summary count every weight', () => {
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({ ...SMALL, inputShape: IMAGE }),
      layers.revColHead({ units: 3 }),
    ],
  });
  const counted = (list: tf.LayerVariable[]) =>
    list.reduce((sum, w) => sum + tf.util.sizeFromShape(w.shape as number[]), 0);
  const lines: string[] = [];
  model.summary(undefined, undefined, (line: string) => lines.push(line));
  const text = lines.join('\n');
  expect(model.countParams()).toBe(counted(model.weights));
  expect(text).toContain(`Total params: ${model.countParams()}`);
  expect(text).toContain(`Non-trainable params: 10`);
  expect(model.countParams() - counted(model.trainableWeights)).toBe(10);
  model.dispose();
});

describeBackends('weights of a backbone', () => {
  test('getWeights and setWeights carry a model over', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([1, ...IMAGE], 1);
        const [a, b] = [layers.revColBackbone(SMALL), layers.revColBackbone(SMALL)];
        a.apply(x);
        b.apply(x);
        randomizeWeights(a.weights, 3);
        const before = b.apply(x) as tf.Tensor;
        b.setWeights(a.getWeights());
        const [expected, got] = [a.apply(x), b.apply(x)] as [tf.Tensor, tf.Tensor];
        expect(got.dataSync()).toEqual(expected.dataSync());
        expect(() => expectClose(before, expected, 1e-2)).toThrow();
        a.dispose();
        b.dispose();
      }),
    );
  });

  test('setWeights of the wrong number or shape changes nothing', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone(SMALL);
        backbone.apply(normalTensor([1, ...IMAGE], 1));
        const weights = backbone.getWeights();
        const before = weights.map((w) => w.dataSync().slice());
        expect(() => backbone.setWeights(weights.slice(1))).toThrow(/weight/);
        const wrong = [...weights.slice(0, -1), tf.zeros([9])];
        expect(() => backbone.setWeights(wrong)).toThrow(/shape/);
        expect(backbone.getWeights().map((w) => w.dataSync())).toEqual(before);
        backbone.dispose();
      }),
    );
  });

  test('freezing moves weights to the others and takes their gradients away', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone(SMALL);
        const x = normalTensor([2, ...IMAGE], 1);
        backbone.apply(x);
        randomizeWeights(backbone.weights, 3);
        const all = backbone.weights.length;
        const trainable = () => backbone.trainableWeights.map((w) => w.originalName);
        const gradients = () => {
          const { grads } = tf.variableGrads(() =>
            projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor).asScalar(),
          );
          return Object.keys(grads).length;
        };
        const free = trainable();
        expect(gradients()).toBe(free.length);
        backbone.stem.trainable = false;
        expect(trainable()).toEqual(free.filter((name) => !/stem/.test(name)));
        (backbone.columnLayers[0] as tf.layers.Layer).trainable = false;
        expect(trainable()).toEqual(free.filter((name) => /column_1/.test(name)));
        expect(gradients()).toBe(trainable().length);
        expect(backbone.weights.length).toBe(all);
        backbone.trainable = false;
        expect(trainable()).toEqual([]);
        expect(backbone.nonTrainableWeights.length).toBe(all);
        const wrtInput = takeStep(() => projectedLoss(backbone.apply(x) as tf.Tensor), [], x);
        expect(Math.hypot(...(wrtInput.input as Float32Array))).toBeGreaterThan(0);
        backbone.trainable = true;
        expect(trainable()).toEqual(free);
        expect(gradients()).toBe(free.length);
        backbone.dispose();
      }),
    );
  });

  test('frozen names parts that are not trained, down to a block', () => {
    const frozen = ['stem', 'column-0', 'column_1/level_0/block_0'];
    const backbone = layers.revColBackbone({ ...SMALL, frozen });
    backbone.apply(tf.input({ shape: IMAGE }));
    const trained = backbone.trainableWeights.map((w) => w.originalName);
    expect(trained.length).toBeGreaterThan(0);
    expect(trained.filter((n) => /stem|column_0|column_1.level_0.block_0/.test(n))).toEqual([]);
    expect(trained.some((n) => /column_1.level_0.block_1/.test(n))).toBe(true);
    const hyphened = ['stem', 'column-0', 'column-1/level-0/block-0'];
    expect(backbone.getConfig().frozen).toEqual(hyphened);
    backbone.trainable = true;
    expect(backbone.getConfig()).not.toHaveProperty('frozen');
    backbone.dispose();
  });

  test('trainable: false given to the constructor freezes all, the stem too', () => {
    const backbone = layers.revColBackbone({ ...SMALL, trainable: false });
    backbone.apply(tf.input({ shape: IMAGE }));
    expect(backbone.trainableWeights).toEqual([]);
    expect(backbone.nonTrainableWeights.length).toBe(backbone.weights.length);
    backbone.dispose();
  });

  test('a first column, however many follow, does not count its alphas as trainable', () => {
    const column = layers.reversibleColumn({ channels: [4, 6], depths: [0, 0] });
    column.apply(tf.input({ shape: [4, 4, 4] }));
    expect(column.trainableWeights.some((w) => /alpha/.test(w.originalName))).toBe(false);
    expect(column.nonTrainableWeights).toHaveLength(2);
    column.dispose();
  });

  test('dispose frees everything and says how much', async () => {
    await expectNoLeak(() => {
      const backbone = layers.revColBackbone({ ...SMALL, depths: [1, 1], block: new OwnBlock() });
      const x = normalTensor([2, ...IMAGE], 1);
      tf.dispose(backbone.apply(x) as tf.Tensor);
      x.dispose();
      const weights = backbone.weights.length;
      const result = backbone.dispose();
      expect(result.refCountAfterDispose).toBe(0);
      expect(result.numDisposedVariables).toBe(weights);
      expect(() => backbone.apply(tf.input({ shape: IMAGE }))).toThrow(/disposed/);
    });
  });

  test('weights come from their initializers', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone({ ...SMALL, channels: [32, 48], columns: 3 });
        backbone.apply(normalTensor([1, ...IMAGE], 1));
        for (const w of backbone.weights) {
          const values = [...w.read().dataSync()];
          const constant = [
            [/alpha$/, 0.5],
            [/layer_scale$/, 1e-6],
            [/gamma$/, 1],
            [/(beta|bias)$/, 0],
          ].find(([pattern]) => (pattern as RegExp).test(w.originalName))?.[1] as
            number | undefined;
          if (constant !== undefined) {
            expect(values.every((v) => Math.abs(v - constant) <= 1e-12 + 1e-7 * constant)).toBe(
              true,
            );
          } else if (values.length > 1000) {
            const deviation = Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);
            // A normal of deviation 0.02, cut at two deviations, has 0.88 of it.
            expect(deviation / 0.02).toBeCloseTo(0.88, 1);
            expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.04 + 1e-6);
          }
        }
        backbone.dispose();
      }),
    );
  });
});
