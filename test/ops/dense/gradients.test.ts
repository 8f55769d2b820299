/** Operations of segmentation heads: values and gradients against stock ones, and against slopes. */
import * as tf from '@tensorflow/tfjs';

import { recompute } from 'tfjs-revcol';
import { adaptiveAvgPool } from '../../../src/ops/dense/adaptive_avg_pool';
import { addBias } from '../../../src/ops/dense/add_bias';
import {
  batchMoments,
  batchNorm,
  type RunningStatistics,
  stepStatistics,
} from '../../../src/ops/dense/batch_norm';
import { channelDropout } from '../../../src/ops/dense/channel_dropout';
import { conv } from '../../../src/ops/dense/conv';
import { doublingConv } from '../../../src/ops/dense/doubling_conv';
import { everySecond } from '../../../src/ops/dense/every_second';
import { flatProduct } from '../../../src/ops/dense/flat_product';
import { addScaled, joinChannels } from '../../../src/ops/dense/joins';
import { pixelCrossEntropy } from '../../../src/ops/dense/pixel_cross_entropy';
import { resize, resizeForward } from '../../../src/ops/dense/resize';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';
import { checkGradients, type GradientCase, tapeGradients } from '../gradient_check';
import {
  plainAdaptivePool,
  plainBatchNorm,
  plainConv,
  plainDoubling,
  plainFrozenNorm,
  plainPixelCrossEntropy,
  plainResize,
} from '../plain_dense';

const SIZES: [number, number, number, number][] = [
  [3, 2, 6, 4],
  [1, 1, 3, 2],
  [2, 3, 1, 1],
  [3, 4, 5, 3],
  [7, 5, 3, 4],
  [2, 3, 2, 3],
  [4, 3, 4, 7],
];

/** Statistics of four channels. */
const running = () => ({
  mean: tf.tensor1d([1, -2, 0.5, 0]),
  variance: tf.tensor1d([0.3, 2, 1, 0.01]),
});

const CASES: GradientCase[] = [
  ...[1, 2, 3, 6].map((size) => ({
    name: `adaptive pooling of 5 x 4 to ${size} x ${size}`,
    op: (x: tf.Tensor) => adaptiveAvgPool(x, size),
    plain: (x: tf.Tensor) => plainAdaptivePool(x, size),
    shapes: [[2, 5, 4, 3]],
  })),
  ...SIZES.map(([h, w, height, width]) => ({
    name: `half-pixel resize of ${h} x ${w} to ${height} x ${width}`,
    op: (x: tf.Tensor) => resize(x, height, width),
    plain: (x: tf.Tensor) => plainResize(x, height, width),
    shapes: [[2, h, w, 3]],
  })),
  ...([
    [1, 2, 3],
    [1, 1, 1],
    [3, 4, 5],
    [3, 1, 2],
    [5, 3, 4],
  ].map(([k, h, w]) => ({
    name: `convolution of side ${k} on ${h} x ${w}`,
    op: conv,
    plain: plainConv,
    shapes: [
      [2, h, w, 3],
      [k, k, 3, 4],
    ],
  })) as GradientCase[]),
  {
    name: 'batch normalisation by the batch',
    op: (x, gamma, beta) => batchNorm(x, gamma, beta, batchMoments(x), { ofBatch: true }),
    plain: (x, gamma, beta) => plainBatchNorm(x, gamma, beta, false),
    shapes: [[2, 3, 2, 4], [4], [4]],
  },
  {
    name: 'batch normalisation by running statistics',
    op: (x, gamma, beta) => batchNorm(x, gamma, beta, running(), { ofBatch: false }),
    plain: (x, gamma, beta) => plainFrozenNorm(x, gamma, beta, running(), false),
    shapes: [[2, 3, 1, 4], [4], [4]],
  },
  {
    name: 'dropout of channels',
    op: (x) => channelDropout(x, 0.4, 7),
    plain: (x) => tf.mul(x, channelDropout(tf.onesLike(x), 0.4, 7)),
    shapes: [[3, 2, 3, 5]],
  },
  {
    name: 'joined channels',
    op: (...xs) => joinChannels(xs),
    plain: (...xs) => tf.concat(xs, 3),
    shapes: [
      [2, 3, 1, 2],
      [2, 3, 1, 1],
      [2, 3, 1, 4],
    ],
  },
  {
    name: 'a bias',
    op: (x, bias) => addBias(x, bias),
    plain: tf.add,
    shapes: [[2, 3, 1, 4], [4]],
  },
  ...([
    [2, 3],
    [1, 1],
  ].map(([h, w]) => ({
    name: `doubling of ${h} x ${w}`,
    op: doublingConv,
    plain: plainDoubling,
    shapes: [
      [2, h, w, 3],
      [3, 2, 2, 4],
    ],
  })) as GradientCase[]),
  ...[
    [2, 4],
    [3, 5],
    [1, 2],
  ].map(([h, w]) => ({
    name: `every second pixel of ${h} x ${w}`,
    op: everySecond,
    plain: (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 1, 2, 'valid'),
    shapes: [[2, h as number, w as number, 3]],
  })),
  {
    name: 'a product of all values',
    op: flatProduct,
    plain: (x, weight) =>
      tf.matMul(tf.reshape(x, [2, 18]) as tf.Tensor2D, tf.reshape(weight, [18, 5]) as tf.Tensor2D),
    shapes: [
      [2, 3, 2, 3],
      [3, 2, 3, 5],
    ],
  },
  {
    name: 'a scaled sum',
    op: (a, b) => addScaled(a, b, 0.4),
    plain: (a, b) => tf.add(a, tf.mul(b, 0.4)),
    shapes: [
      [2, 3],
      [2, 3],
    ],
  },
];

describeBackends('gradients of operations for segmentation', () => {
  test.each(CASES.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    await expectNoLeak(() => tf.tidy(() => checkGradients(c)));
  });

  test('a ReLU behind batch normalisation', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const shapes = [[3, 2, 3, 4], [4], [4]];
        const xs = shapes.map((shape, i) => normalTensor(shape, 1 + i));
        const dy = normalTensor(shapes[0] as number[], 50);
        for (const ofBatch of [true, false]) {
          const op = (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) => {
            const moments = ofBatch ? batchMoments(x) : running();
            return batchNorm(x, g, b, moments, { ofBatch, relu: true });
          };
          const plain = (x: tf.Tensor, g: tf.Tensor, b: tf.Tensor) =>
            ofBatch ? plainBatchNorm(x, g, b, true) : plainFrozenNorm(x, g, b, running(), true);
          const [got, expected] = [op, plain].map((f) => [
            f(...(xs as [tf.Tensor, tf.Tensor, tf.Tensor])),
            ...tapeGradients(f as never, xs, dy),
          ]) as [tf.Tensor[], tf.Tensor[]];
          got.forEach((t, i) => expectClose(t, expected[i] as tf.Tensor, 1e-5, `${ofBatch} ${i}`));
        }
      }),
    );
  });

  test('a ReLU behind a bias', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const xs = [normalTensor([2, 3, 4], 1), normalTensor([4], 2)];
        const dy = normalTensor([2, 3, 4], 3);
        const [got, expected] = [
          (x: tf.Tensor, b: tf.Tensor) => addBias(x, b, true),
          (x: tf.Tensor, b: tf.Tensor) => tf.relu(tf.add(x, b)),
        ].map((f) => [f(...(xs as [tf.Tensor, tf.Tensor])), ...tapeGradients(f as never, xs, dy)]);
        got?.forEach((t, i) => expectClose(t, expected?.[i] as tf.Tensor, 1e-6, String(i)));
      }),
    );
  });

  const labels = [
    [0, 255, 2, 1, 1, 3, 0],
    [3, 3, 255, 2, 0, 1, 2],
    [255, 1, 0, 0, 2, 2, 3],
  ];
  const labelTensor = () => tf.tensor3d([labels, [...labels].reverse()], [2, 3, 7], 'int32');

  test.each([
    [3, 7],
    [2, 3],
    [5, 9],
  ])('cross entropy of pixels from %d x %d', async (h, w) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const classes = labelTensor();
        checkGradients({
          name: '',
          op: (x) => pixelCrossEntropy(x, classes, 255),
          plain: (x) => plainPixelCrossEntropy(x, classes),
          shapes: [[2, h, w, 4]],
        });
      }),
    );
  });

  test('ignored pixels give nothing, also of infinite logits; all of them, a loss of 0', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const none = tf.fill([1, 2, 2], 255, 'int32');
        const x = normalTensor([1, 2, 2, 3], 4);
        expect(pixelCrossEntropy(x, none, 255).dataSync()[0]).toBe(0);
        const [g] = tapeGradients((t) => pixelCrossEntropy(t, none, 255), [x], tf.scalar(1));
        expect(Array.from((g as tf.Tensor).dataSync())).toEqual(new Array(12).fill(0));
        const some = tf.tensor3d([0, 255], [1, 1, 2], 'int32');
        const far = tf.tensor4d([1, 2, -Infinity, 5], [1, 1, 2, 2]);
        expect(Number.isFinite(pixelCrossEntropy(far, some, 255).dataSync()[0])).toBe(true);
        const [slope] = tapeGradients(
          (t) => pixelCrossEntropy(t, some, 255),
          [tf.tensor4d([0.5, 0, NaN, Infinity], [1, 1, 2, 2])],
          tf.scalar(1),
        );
        const values = Array.from((slope as tf.Tensor).dataSync());
        expect(values.slice(2)).toEqual([0, 0]);
        expect(values[0]).toBeCloseTo((1 / (1 + Math.exp(-0.5)) - 1) / 2, 5);
        const wrong = tf.tensor3d([0, 2], [1, 1, 2], 'int32');
        expect(
          pixelCrossEntropy(x.slice([0, 0, 0, 0], [1, 1, 2, 2]), wrong, 255).dataSync()[0],
        ).toBe(NaN);
      }),
    );
  });

  test.each(SIZES)("tfjs's own resize of %d x %d to %d x %d has the same values", (h, w, H, W) => {
    tf.tidy(() => {
      const x = normalTensor([2, h, w, 3], 3);
      expectClose(resizeForward(x, [H, W]), plainResize(x, H, W), 1e-6);
    });
  });

  test('dropout drops whole channels of single images, and scales the rest', () => {
    tf.tidy(() => {
      const y = channelDropout(tf.ones([4, 3, 2, 50]), 0.25, 11);
      const [low, high] = [tf.min(y, [1, 2]), tf.max(y, [1, 2])];
      expectClose(low, high, 0);
      const kept = Array.from(high.dataSync()).filter((v) => v > 0);
      kept.forEach((v) => expect(v).toBeCloseTo(4 / 3, 6));
      // 200 draws: four deviations around 150.
      expect(Math.abs(kept.length - 150)).toBeLessThan(25);
      const rows = high.arraySync() as number[][];
      expect(new Set(rows.map((row) => row.join())).size).toBe(4);
    });
  });

  test('running statistics take in a batch once, also where it is computed again', async () => {
    await expectNoLeak(() => {
      const names = ['mean', 'variance', 'batches'] as const;
      const make = (): RunningStatistics => ({
        mean: tf.variable(tf.tensor1d([1, -2]), false),
        variance: tf.variable(tf.tensor1d([2, 3]), false),
        batches: tf.variable(tf.scalar(5), false),
      });
      const [own, again] = tidyAll(() => [make(), make()] as const);
      tf.tidy(() => {
        const x = normalTensor([2, 2, 1, 2], 6);
        const [gamma, beta] = [tf.variable(tf.tensor1d([1, 2])), tf.variable(tf.tensor1d([0, 1]))];
        const through = (statistics: RunningStatistics) => (t: tf.Tensor) => {
          const moments = batchMoments(t);
          stepStatistics(statistics, moments, t.shape);
          return batchNorm(t, gamma, beta, moments, { ofBatch: true });
        };
        const dy = normalTensor(x.shape, 8);
        const plain = tapeGradients(through(own), [x], dy);
        const repeated = tapeGradients(recompute(through(again)) as never, [x], dy);
        expectClose(repeated[0] as tf.Tensor, plain[0] as tf.Tensor, 1e-6);
        const values = x.reshape([4, 2]).arraySync() as number[][];
        [0, 1].forEach((c) => {
          const column = values.map((row) => row[c] as number);
          const mean = column.reduce((a, b) => a + b) / 4;
          const variance = column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 3;
          const was = { mean: [1, -2][c] as number, variance: [2, 3][c] as number };
          expect(own.mean.dataSync()[c]).toBeCloseTo(0.9 * was.mean + 0.1 * mean, 5);
          expect(own.variance.dataSync()[c]).toBeCloseTo(0.9 * was.variance + 0.1 * variance, 5);
        });
        expect(own.batches.dataSync()[0]).toBe(6);
        for (const name of names) expectClose(again[name], own[name].dataSync(), 1e-6, name);
        tf.dispose([gamma, beta]);
      });
      for (const statistics of [own, again]) tf.dispose(names.map((name) => statistics[name]));
    });
  });

  test('one value per channel has no statistics', async () => {
    await expectNoLeak(() => {
      const x = tf.ones([1, 1, 1, 3]);
      expect(() => batchMoments(x)).toThrow('1 value per channel');
      x.dispose();
    });
  });
});
