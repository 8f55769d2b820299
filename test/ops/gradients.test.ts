import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { depthwiseConv } from '../../src/ops/depthwise_conv';
import { gelu } from '../../src/ops/gelu';
import { layerNorm } from '../../src/ops/layer_norm';
import { linear } from '../../src/ops/linear';
import { normalizePixels } from '../../src/ops/normalize_pixels';
import { patchConv, unpatch } from '../../src/ops/patch_conv';
import { resizeBilinear } from '../../src/ops/resize_bilinear';
import { upsampleNearest } from '../../src/ops/upsample';
import { describeBackends, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';
import { checkGradients, expectSlopes, type GradientCase, tapeGradients } from './gradient_check';
import {
  plainDepthwise,
  plainGelu,
  plainLayerNorm,
  plainLinear,
  plainNearest,
  plainPatchConv,
  plainUnpatch,
} from './plain_ops';

const statisticsOf = (channels: number) => ({
  mean: [0.5, -0.25, 2].slice(0, channels),
  std: [0.2, 3, 1.5].slice(0, channels),
});

const CASES: GradientCase[] = [
  { name: 'linear on rows', op: linear, plain: plainLinear, shapes: [[5, 3], [3, 4], [4]] },
  { name: 'linear on images', op: linear, plain: plainLinear, shapes: [[2, 3, 2, 3], [3, 4], [4]] },
  {
    name: 'layer norm',
    op: (x, gamma, beta) => layerNorm(x, gamma, beta),
    plain: plainLayerNorm,
    shapes: [[2, 3, 6], [6], [6]],
  },
  { name: 'gelu', op: gelu, plain: plainGelu, shapes: [[4, 5]] },
  ...[1, 3].map((channels) => ({
    name: `pixels of ${channels} channels normalised`,
    op: (x: tf.Tensor) => normalizePixels(x, statisticsOf(channels)),
    plain: (x: tf.Tensor) => {
      const { mean, std } = statisticsOf(channels);
      return tf.div(tf.sub(x, mean), std);
    },
    shapes: [[2, 3, 1, channels]],
  })),
  ...[1, 2, 3, 5].map((k) => ({
    name: `depthwise convolution of side ${k}`,
    op: depthwiseConv,
    plain: plainDepthwise,
    shapes: [[2, 5, 4, 3], [k, k, 3, 1], [3]],
  })),
  ...([
    [1, 4, 3],
    [2, 4, 6],
    [2, 5, 7],
    [3, 7, 6],
    [4, 9, 4],
  ].map(([s, h, w]) => ({
    name: `patch convolution of side ${s} on ${h} x ${w}`,
    op: patchConv,
    plain: plainPatchConv,
    shapes: [[2, h, w, 3], [s, s, 3, 5], [5]],
  })) as GradientCase[]),
  ...[1, 2, 3].map((s) => ({
    name: `unpatch of side ${s}`,
    op: (x: tf.Tensor) => unpatch(x, s),
    plain: (x: tf.Tensor) => plainUnpatch(x, s),
    shapes: [[2, 3, 2, 2 * s * s]],
  })),
  ...([
    [3, 2, 6, 4],
    [3, 2, 7, 5],
    [1, 1, 3, 2],
    [3, 5, 3, 5],
    [4, 2, 4, 3],
    [5, 4, 3, 2],
  ].map(([h, w, height, width]) => ({
    name: `nearest resize of ${h} x ${w} to ${height} x ${width}`,
    op: (x: tf.Tensor) => upsampleNearest(x, height as number, width as number),
    plain: (x: tf.Tensor) => plainNearest(x, height as number, width as number),
    shapes: [[2, h, w, 3]],
  })) as GradientCase[]),
];

const BILINEAR: [number, number, number, number][] = [
  [3, 2, 6, 4],
  [1, 1, 2, 2],
  [3, 4, 5, 3],
  [2, 3, 1, 1],
];

describeBackends('hand-written gradients equal those of stock operations and slopes', (backend) => {
  test.each(CASES.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    await expectNoLeak(() => tf.tidy(() => checkGradients(c)));
  });

  test.each(BILINEAR)('bilinear resize of %d x %d to %d x %d', async (h, w, height, width) => {
    const stock = (x: tf.Tensor) =>
      tf.image.resizeBilinear(x as tf.Tensor4D, [height, width], true);
    await expectNoLeak(() =>
      tf.tidy(() =>
        checkGradients({
          name: '',
          op: (x) => resizeBilinear(x, height, width),
          // wasm has no gradient of it, and that of cpu swaps height and width.
          plain: backend === 'tensorflow' ? stock : undefined,
          shapes: [[2, h, w, 3]],
        }),
      ),
    );
  });

  test('gelu is exact far from zero', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([-30, -6, -1, 0, 1, 6, 30]);
      // x Phi(x) in double precision.
      const exact = [0, -5.919525e-9, -0.15865525393, 0, 0.84134474607, 5.99999999408, 30];
      gelu(x)
        .dataSync()
        .forEach((v, i) => expect(Math.abs(v - (exact[i] as number))).toBeLessThan(1e-6));
      const [slope] = tapeGradients(gelu, [x], tf.onesLike(x)) as [tf.Tensor];
      const exactSlope = [0, -3.5e-8, -0.08331547058, 0.5, 1.08331547058, 1.000000035, 1];
      slope
        .dataSync()
        .forEach((v, i) => expect(Math.abs(v - (exactSlope[i] as number))).toBeLessThan(1e-6));
    });
  });
});

const LAYERS: [string, () => tf.layers.Layer, number[][]][] = [
  ['stem', () => layers.revColStem({ filters: 5, patchSize: 2 }), [[2, 5, 6, 3]]],
  ['stem without pixels', () => layers.revColStem({ filters: 5 }), [[3, 2, 4]]],
  ['head', () => layers.revColHead({ units: 4 }), [[2, 3, 2, 6]]],
  ['head without pixels', () => layers.revColHead({ units: 4 }), [[3, 6]]],
  [
    'fusion',
    () => layers.levelFusion({ level: 1, filters: 6 }),
    [
      [2, 5, 7, 4],
      [2, 1, 1, 5],
    ],
  ],
  ['block', () => layers.convNextBlock({ kernelSize: 3 }), [[2, 4, 3, 6]]],
  ['decoder', () => layers.revColImageDecoder({ channels: [6, 8], patchSize: 2 }), [[1, 2, 2, 8]]],
];

describeBackends('gradients of layers are their slopes', () => {
  test.each(LAYERS)('%s: inputs and every weight', async (_, make, shapes) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const layer = make();
        const xs = shapes.map((shape, i) => normalTensor(shape, 1 + i));
        const apply = (...inputs: tf.Tensor[]) =>
          layer.apply(inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs) as tf.Tensor;
        const { shape } = apply(...xs);
        randomizeWeights(layer.weights, 5);
        const dy = normalTensor(shape, 50);
        const variables = layer.trainableWeights.map((w) => w.read() as tf.Variable);
        const values = variables.map((v) => tf.clone(v));
        const { grads } = tf.engine().gradients(() => apply(...xs), [...xs, ...variables], dy);
        const withWeights = (...all: tf.Tensor[]) => {
          variables.forEach((v, i) => v.assign(tf.clone(all[xs.length + i] as tf.Tensor)));
          return apply(...all.slice(0, xs.length));
        };
        expectSlopes(withWeights, [...xs, ...values], grads as unknown as tf.Tensor[], dy);
        layer.dispose();
      }),
    );
  });
});
