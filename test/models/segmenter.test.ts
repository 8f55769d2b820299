/** Segmenters: building, training, freezing, saving; segment on images of any size; what is refused. */
import * as tf from '@tensorflow/tfjs';

import {
  ADE20K_CLASSES,
  ADE20K_PALETTE,
  createModel,
  type CreateSegmenterOptions,
  layers,
  MeanIoU,
  paintSegmentation,
  segment,
  segmentationLoss,
  segmentationWeights,
  type SegmentOptions,
} from 'tfjs-revcol';
import { withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights, takeStep, weightValues } from '../support/training_step';

const NAME = 'upernet_revcol_tiny.ade20k_512';

const small = (options: CreateSegmenterOptions = {}) =>
  createModel(NAME, {
    columns: 2,
    channels: [4, 6, 8],
    depths: [1, 0, 1],
    patchSize: 2,
    headChannels: 4,
    auxiliaryChannels: 3,
    numClasses: 3,
    poolScales: [1, 2],
    ...options,
  });

/** An image of random bytes. */
function noise(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + 13) % 256);
  return { width, height, data };
}

const labelTensor = (shape: [number, number, number]) =>
  tf.tidy(() =>
    tf.cast(tf.mod(tf.range(0, shape[0] * shape[1] * shape[2]), 3), 'int32').reshape(shape),
  );

/** A head on two stock layers. */
function makeModel(): tf.LayersModel {
  const input = tf.input({ shape: [16, 12, 1] });
  const conv = (filters: number) =>
    tf.layers.conv2d({ filters, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' });
  const first = conv(3).apply(input) as tf.SymbolicTensor;
  const second = conv(5).apply(first) as tf.SymbolicTensor;
  const head = layers.uperHead({ units: 2, filters: 4, poolScales: [2, 3], dropout: 0 });
  const outputs = head.apply([first, second]) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs });
}

describeBackends('segmenters', () => {
  test('steps of training, in both modes: one step of the statistics, gradients alike', async () => {
    await expectNoLeak(() => {
      const model = small({ auxiliaryHead: true, dropPathRate: 0.2 });
      const stored = small({ auxiliaryHead: true, dropPathRate: 0.2, backprop: 'stored' });
      randomizeWeights(model.weights, 5);
      stored.setWeights(model.getWeights());
      const [x, labels] = [normalTensor([3, 26, 20, 3], 1), labelTensor([3, 26, 20])];
      const step = (m: tf.LayersModel) =>
        takeStep(
          () => segmentationLoss(labels, m.apply(x, { training: true }) as tf.Tensor[]),
          m.trainableWeights,
          x,
        );
      // With two values per channel a batch normalisation gives only signs, and its gradient is rounding.
      const [got, expected] = [step(model), step(stored)];
      expect(got.loss).toBeCloseTo(expected.loss, 5);
      for (const [name, gradient] of expected.gradients) {
        expectClose(got.gradients.get(name) ?? [], gradient, 1e-4, name);
      }
      const [after, also] = [weightValues(model.weights), weightValues(stored.weights)];
      let counts = 0;
      for (const [name, values] of after) {
        if (/norm\/(moving|batches)/.test(name))
          expectClose(values, also.get(name) ?? [], 1e-5, name);
        if (name.endsWith('/batches')) counts++;
      }
      expect(counts).toBe(2 + 1 + 2 + 2 + 1 + 1);
      tf.dispose([x, labels]);
      [model, stored].forEach((m) => m.dispose());
    });
  });

  test('frozen heads, and inference, go by the running statistics and leave them', async () => {
    await expectNoLeak(() => {
      const model = small();
      randomizeWeights(model.weights, 5);
      const x = normalTensor([2, 12, 12, 3], 1);
      const before = weightValues(model.weights);
      const outputs = tf.tidy(() => {
        const inferred = model.predict(x) as tf.Tensor;
        const head = model.getLayer('decode_head');
        head.trainable = false;
        const frozen = model.apply(x, { training: true }) as tf.Tensor;
        head.trainable = true;
        return [inferred.dataSync(), frozen.dataSync()] as const;
      });
      // Dropout of channels is all that differs; with a rate of 0.1 most pixels agree with neither.
      expect(outputs[0]).not.toEqual(outputs[1]);
      expect(weightValues(model.weights)).toEqual(before);
      x.dispose();
      model.dispose();
    });
  });

  test('a head on the pyramid of another backbone learns', async () => {
    await expectNoLeak(() => {
      // The same initial values on every backend: some have only units that are never active.
      const model = withSeededRandom(1, makeModel);
      expect(model.outputShape).toEqual([null, 8, 6, 2]);
      // Bright on the left, dark on the right: a class each.
      const x = tf.tidy(() => tf.concat([tf.ones([4, 16, 6, 1]), tf.zeros([4, 16, 6, 1])], 2));
      const labels = tf.squeeze(x, [3]);
      const optimizer = tf.train.adam(0.03);
      const losses = Array.from({ length: 25 }, () =>
        tf.tidy(() => {
          const loss = () =>
            segmentationLoss(labels, model.apply(x, { training: true }) as tf.Tensor);
          return (optimizer.minimize(loss, true) as tf.Scalar).dataSync()[0] as number;
        }),
      );
      expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] as number));
      tf.dispose([x, labels]);
      optimizer.dispose();
      model.dispose();
    });
  });

  test('an image of any size gets a class for every pixel; windows of its size are the whole', async () => {
    await expectNoLeak(async () => {
      const model = small();
      randomizeWeights(model.weights, 9);
      const image = noise(19, 15);
      const whole = await segment(model, image);
      expect([whole.width, whole.height, whole.map.length]).toEqual([19, 15, 285]);
      expect(whole.classes).toEqual(['class 0', 'class 1', 'class 2']);
      expect(whole.areas.reduce((sum, { pixels }) => sum + pixels, 0)).toBe(285);
      expect(whole.areas.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 10);
      const slide: SegmentOptions = { mode: 'slide', inputSize: [15, 19], slideStride: 15 };
      expect((await segment(model, image, slide)).map).toEqual(whole.map);
      const seen: number[] = [];
      const small_ = await segment(model, image, {
        mode: 'slide',
        inputSize: [12, 10],
        scales: [1, 1.5],
        flip: true,
        outputSize: [7, 5],
        shortSide: 14,
        onProgress: (fraction) => seen.push(fraction),
      });
      expect(small_.map).toHaveLength(35);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(1);
      const dot = await segment(model, noise(1, 1), { shortSide: 16 });
      expect(dot.areas).toHaveLength(1);
      model.dispose();
    });
  });
});

describeBackends(
  'what segment and its like refuse',
  () => {
    test('options and images', async () => {
      const model = small();
      const image = noise(16, 16);
      await expectNoLeak(async () => {
        const refused: [SegmentOptions | object, string][] = [
          [{ mode: 'crop' }, "'whole', 'slide'"],
          [{ slideStride: 600 }, 'at most 512'],
          [{ scales: [] }, 'at least one factor'],
          [{ scales: [0] }, 'scales[0] is 0'],
          [{ classes: ['one'] }, 'the model has 3 classes'],
          [{ dataset: 'ADE20K' }, "dataset 'ADE20K' has 150 classes, but the model has 3"],
          [{ outputSize: [0, 4] }, 'outputSize'],
          [{ strides: 3 }, "no option 'strides'"],
        ];
        for (const [options, message] of refused) {
          await expect(segment(model, image, options)).rejects.toThrow(message);
        }
        await expect(segment(model, noise(4, 4))).rejects.toThrow('leaves no pixel');
        await expect(segment(model, 'photo.jpg' as never)).rejects.toThrow('image:');
        const stopped = AbortSignal.abort(new Error('enough'));
        await expect(segment(model, image, { signal: stopped })).rejects.toThrow('enough');
      });
      const fixed = small({ inputShape: [16, 16, 3] });
      await expect(segment(fixed, noise(20, 16))).rejects.toThrow('takes images of [16, 16]');
      const classifier = createModel('revcol_tiny', {
        columns: 1,
        channels: [2, 3],
        depths: [1, 1],
        inputShape: [16, 16, 3],
        numClasses: 3,
      });
      await expect(segment(classifier, image)).rejects.toThrow('logits of a segmenter');
      [model, fixed, classifier].forEach((m) => m.dispose());
    });

    test('heads and models', () => {
      expect(() => layers.uperHead({ units: 0 })).toThrow('units');
      expect(() => layers.uperHead({ units: 2, poolScales: [0] })).toThrow('poolScales[0]');
      expect(() => layers.uperHead({ units: 2, dropout: 1 })).toThrow('[0, 1)');
      expect(() => layers.fcnHead({ units: 2, convs: 0 })).toThrow('convs');
      const one = tf.input({ shape: [8, 8, 3] });
      expect(() => layers.uperHead({ units: 2 }).apply(one)).toThrow('levels of a pyramid');
      expect(() => createModel(NAME, { intermediateSupervision: true } as never)).toThrow(
        "no option 'intermediateSupervision'",
      );
      expect(() => createModel('revcol_tiny', { headChannels: 4 } as never)).toThrow(
        'headChannels',
      );
      expect(() => small({ channels: [2, 3], depths: [1, 1], auxiliaryHead: true })).toThrow(
        'level 2',
      );
      expect(() => segmentationWeights('revcol_tiny.in1k')).toThrow('names a classifier');
    });

    test('labels', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const logits = normalTensor([1, 2, 2, 3], 1);
          const loss =
            (values: number[], shape: [number, number, number] = [1, 2, 2]) =>
            () =>
              segmentationLoss(tf.tensor3d(values, shape), logits);
          expect(loss([0, 1, 2, 3])).toThrow('a label is 3');
          expect(loss([0, 1, 2, 0.5])).toThrow('a label is 0.5');
          expect(loss([0, 1], [2, 1, 1])).toThrow('expected [batch, height, width]');
          expect(loss([255, 255, 255, 255])().dataSync()[0]).toBe(0);
          expect(() => segmentationLoss(tf.zeros([1, 2, 2]), [])).toThrow('0 tensors of logits');
        }),
      );
      const metric = new MeanIoU({ numClasses: 3, reduceZeroLabel: true });
      metric.add([0, 1, 2, 2], [1, 2, 0, 3]);
      expect(metric.result()).toMatchObject({ mIoU: 1, pixels: 3 });
      expect(() => metric.add([0, 1, 7], [1, 2, 3])).toThrow('a pixel of prediction is 7');
      expect(() => metric.add([0, 1, 2], [1, 2, 4])).toThrow('a class from 1 to 3');
      expect(() => metric.add([0], [1, 2])).toThrow('1 pixels, label 2');
      expect(() => metric.add([0, 1], [1, 256])).toThrow('a pixel of label is 256');
      expect(() => new MeanIoU({ numClasses: 3, reduceZeroLabel: true, ignoreLabel: 3 })).toThrow(
        'ignoreLabel 3 with reduceZeroLabel is a class',
      );
      // Nothing of those was taken in.
      expect(metric.result().pixels).toBe(3);
      expect(new MeanIoU({ numClasses: 2 }).result().mIoU).toBe(NaN);
    });

    test('pictures', () => {
      const palette = ADE20K_PALETTE.slice(0, 2);
      expect(new Set(ADE20K_CLASSES).size).toBe(150);
      const segmentation = {
        width: 2,
        height: 1,
        map: Uint8Array.of(0, 1),
        classes: ['wall', 'building'],
        palette,
        areas: [],
      };
      expect([...paintSegmentation(segmentation).data]).toEqual([120, 120, 120, 180, 120, 120]);
      const image = { width: 2, height: 1, data: Uint8Array.of(0, 0, 0, 20, 20, 20) };
      expect([...paintSegmentation(segmentation, image, 0.5).data]).toEqual([
        60, 60, 60, 100, 70, 70,
      ]);
      expect(() => paintSegmentation(segmentation, noise(3, 1))).toThrow('3 x 1');
      expect(() => paintSegmentation(segmentation, image, 2)).toThrow('opacity');
    });
  },
  { only: ['wasm'] },
);
