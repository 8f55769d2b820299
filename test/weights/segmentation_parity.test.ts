/** Golden UPerNets compute here what they compute in PyTorch, step by step, and train alike. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  createModel,
  type CreateSegmenterOptions,
  loadCheckpoint,
  MeanIoU,
  pixelAccuracy,
  segment,
  segmentationLoss,
  type SegmentOptions,
} from 'tfjs-revcol';
import { slidingLogits, wholeLogits, windowsOf } from '../../src/models/segmentation_logits';
import { resizeForward } from '../../src/ops/dense/resize';
import { modelWeights, shapeOf } from '../../src/weights/names/model_weights';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import {
  describeGoldens,
  type Golden,
  GOLDENS_DIR,
  type GoldenTensor,
  readGolden,
  readGoldenJson,
} from '../support/goldens';
import { takeStep } from '../support/training_step';
import { goldenTensor } from './support/golden_model';

const TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-4;

const numbers = (golden: Golden, key: string) =>
  JSON.parse(golden.metadata[key] ?? 'null') as never;

/** The model that the golden checkpoint holds the weights of. */
function goldenSegmenter(golden: Golden, options: CreateSegmenterOptions = {}): tf.LayersModel {
  return createModel('upernet_revcol_tiny.ade20k_512', {
    columns: numbers(golden, 'columns'),
    channels: numbers(golden, 'channels'),
    depths: numbers(golden, 'depths'),
    numClasses: numbers(golden, 'classes'),
    headChannels: numbers(golden, 'width'),
    auxiliaryChannels: numbers(golden, 'aux'),
    auxiliaryHead: true,
    dropout: 0,
    ...options,
  });
}

const file = (format: string) => path.join(GOLDENS_DIR, `upernet${format}`);

/** Indices of the classes with the largest logits, where the two best are not nearly equal. */
function expectClasses(map: ArrayLike<number>, golden: Golden, name: string, image: number): void {
  const { shape, data } = golden.tensors.get(`${name}.argmax`) as GoldenTensor;
  const pixels = (shape[1] as number) * (shape[2] as number);
  const logits = golden.tensors.get(`${name}.logits`) as GoldenTensor;
  const classes = logits.shape[1] as number;
  let close = 0;
  for (let i = 0; i < pixels; i++) {
    const values = Array.from(
      { length: classes },
      (_, c) => logits.data[(image * classes + c) * pixels + i] as number,
    ).sort((a, b) => b - a);
    if ((values[0] as number) - (values[1] as number) < 1e-3) close++;
    else if (map[i] !== data[image * pixels + i])
      throw new Error(`${name}: pixel ${i} is ${map[i]}`);
  }
  expect(close).toBeLessThan(pixels / 100);
}

/** Backends that run all of it. */
const FAST: readonly string[] = ['wasm', 'tensorflow'];

const CASES = ['upernet', 'upernet_odd_size'] as const;

const inference = (backend: string): void => {
  // Others take a minute for more; windows are made of the same operations.
  const isSlow = !FAST.includes(backend);
  test.each(isSlow ? CASES.slice(1) : CASES)('%s, step by step', async (name) => {
    const golden = readGolden(`${name}.expected.safetensors`);
    const model = goldenSegmenter(golden);
    const format = name === 'upernet' ? '.pth' : '.weights.safetensors';
    const report = await loadCheckpoint(model, file(format));
    expect(report.loaded).toHaveLength(model.weights.length);
    expect([...report.missing, ...report.unexpected]).toEqual([]);
    await expectNoLeak(async () => {
      const x = goldenTensor(golden, 'x') as tf.Tensor4D;
      const [batch, height, width] = x.shape;
      const close = (got: tf.Tensor, key: string) => {
        const expected = goldenTensor(golden, key);
        expectClose(got, expected, TOLERANCE, key);
        expected.dispose();
      };
      tf.tidy(() => {
        const levels = model.getLayer('backbone').apply(x) as tf.Tensor[];
        levels.forEach((level, l) => close(level, `backbone.${l}`));
        const [low, auxiliary] = model.predict(x) as [tf.Tensor, tf.Tensor];
        close(low, 'low');
        close(auxiliary, 'auxiliary');
      });
      const original = numbers(golden, 'original') as [number, number];
      const sliding = {
        crop: numbers(golden, 'crop') as [number, number],
        stride: (numbers(golden, 'stride') as [number, number])[0],
      };
      const windows = windowsOf([height, width], sliding);
      expect(windows.map(({ y1, x1, y2, x2 }) => [y1, x1, y2, x2]).flat()).toEqual(
        Array.from((golden.tensors.get('windows') as GoldenTensor).data),
      );
      for (const mode of isSlow ? (['whole'] as const) : (['whole', 'slide'] as const)) {
        const input = {
          size: [height, width] as const,
          rows: (first: number, last: number) =>
            tf.slice(x, [0, first, 0, 0], [batch, last - first, width, 3]),
        };
        const before = () => Promise.resolve();
        const rows =
          mode === 'whole'
            ? wholeLogits(model, input, before)
            : slidingLogits(model, input, sliding, before);
        const logits = await rows.rows(0, height).finally(() => rows.dispose());
        close(logits, `${mode}.logits`);
        tf.tidy(() => close(resizeForward(logits, original), `${mode}.original.logits`));
        logits.dispose();
        const options: SegmentOptions = {
          mode,
          inputSize: sliding.crop,
          slideStride: sliding.stride,
          outputSize: original,
        };
        for (let i = 0; i < batch; i++) {
          const image = tf.tidy(() => tf.slice(x, [i, 0, 0, 0], [1, height, width, 3]));
          const { map, width: w, height: h } = await segment(model, image, options);
          image.dispose();
          expect([h, w]).toEqual(original);
          expectClasses(map, golden, `${mode}.original`, i);
        }
      }
      x.dispose();
    });
    model.dispose();
  });
};

const training = (): void => {
  test.each(['reversible', 'stored'] as const)('%s', async (backprop) => {
    const golden = readGolden('upernet_train.expected.safetensors');
    const model = goldenSegmenter(golden, { backprop });
    await loadCheckpoint(model, file('.pth'));
    const { mapped } = modelWeights(model);
    const value = (key: string) => (golden.tensors.get(key) as GoldenTensor).data[0] as number;
    const near = (got: tf.Tensor, key: string) => {
      expect(Math.abs((got.dataSync()[0] as number) / value(key) - 1)).toBeLessThan(TOLERANCE);
    };
    await expectNoLeak(() => {
      const x = goldenTensor(golden, 'x');
      const { shape, data } = golden.tensors.get('label') as GoldenTensor;
      const labels = tf.tensor(data, shape, 'int32');
      const loss = () => {
        const [low, auxiliary] = model.apply(x, { training: true }) as [tf.Tensor, tf.Tensor];
        for (const [key, got] of [
          ['decode.low', low],
          ['aux.low', auxiliary],
        ] as const) {
          const expected = goldenTensor(golden, key);
          expectClose(got, expected, TOLERANCE, key);
        }
        near(pixelAccuracy(labels, low), 'decode.acc_seg');
        near(pixelAccuracy(labels, auxiliary), 'aux.acc_seg');
        near(segmentationLoss(labels, low), 'decode.loss_ce');
        return segmentationLoss(labels, [low, auxiliary]);
      };
      const step = takeStep(loss, model.trainableWeights, x);
      expect(Math.abs(step.loss / value('loss') - 1)).toBeLessThan(TOLERANCE);
      tf.tidy(() =>
        expectClose(step.input ?? [], goldenTensor(golden, 'grad.x'), GRADIENT_TOLERANCE, 'grad.x'),
      );
      const bare = (key: string) => key.replace(/^(grad|after)\./, '').replace(/^backbone\./, '');
      const keys = [...golden.tensors.keys()].filter((key) => /^grad\.(?!x$)/.test(key));
      // The first column has no previous one to scale: PyTorch gives its alphas zeros.
      expect(keys).toHaveLength(model.trainableWeights.length + 4);
      for (const key of keys) {
        const expected = (golden.tensors.get(key) as GoldenTensor).data;
        const weight = mapped.get(bare(key));
        if (!weight) throw new Error(`the model has no weight for ${key}`);
        if (bare(key).startsWith('subnet0.alpha')) {
          expect(expected.every((g) => g === 0)).toBe(true);
          continue;
        }
        const own = step.gradients.get(weight.variable.originalName) as Float32Array;
        const got = weight.layout.toPublished(own, shapeOf(weight.variable));
        expectClose(got, expected, GRADIENT_TOLERANCE, key);
      }
      const buffers = [...golden.tensors.keys()].filter((key) => key.startsWith('after.'));
      expect(buffers).toHaveLength(3 * 13);
      for (const key of buffers) {
        const weight = mapped.get(bare(key));
        if (!weight) throw new Error(`the model has no weight for ${key}`);
        const expected = (golden.tensors.get(key) as GoldenTensor).data;
        expectClose(weight.variable.read(), expected, TOLERANCE, key);
      }
      tf.dispose([x, labels]);
    });
    model.dispose();
  });
};

describeGoldens('golden segmenters', () => {
  describeBackends('inference', inference);
  describeBackends('training', training, { only: FAST });

  test('mean intersection over union', () => {
    const golden = readGoldenJson('mean_iou.json') as {
      classes: number;
      ignore: number;
      predictions: number[][][];
      labels: number[][][];
      expected: Record<'aAcc' | 'mIoU' | 'mAcc', number> & Record<'IoU' | 'Acc', (number | null)[]>;
    };
    const metric = new MeanIoU({ numClasses: golden.classes, ignoreLabel: golden.ignore });
    golden.predictions.forEach((map, i) =>
      metric.add(map.flat(), (golden.labels[i] as number[][]).flat()),
    );
    const result = metric.result();
    for (const key of ['aAcc', 'mIoU', 'mAcc'] as const) {
      expect(result[key]).toBeCloseTo(golden.expected[key], 12);
    }
    for (const key of ['IoU', 'Acc'] as const) {
      golden.expected[key].forEach((value, c) => {
        if (value === null) expect(result[key][c]).toBe(NaN);
        else expect(result[key][c]).toBeCloseTo(value, 12);
      });
    }
  });
});
