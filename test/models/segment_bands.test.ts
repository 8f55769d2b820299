/** `segment` in bands: the same map whatever they are, and no scores of the whole picture in its size. */
import * as tf from '@tensorflow/tfjs';

import { createModel, memoryPeak, segment, type SegmentOptions } from 'tfjs-revcol';
import { pictureSource } from '../../src/models/picture_source';
import { segmentInBands } from '../../src/models/segment';
import { resizeForward } from '../../src/ops/dense/resize';
import { resizedRows, rowsRead } from '../../src/ops/dense/resize_rows';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

const small = (numClasses: number): tf.LayersModel => {
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    columns: 2,
    channels: [4, 6, 8],
    depths: [1, 0, 1],
    patchSize: 2,
    headChannels: 4,
    numClasses,
    poolScales: [1, 2],
  });
  randomizeWeights(model.weights, 5);
  return model;
};

/** Patches of random colours. */
function patches(
  width: number,
  height: number,
): { width: number; height: number; data: Uint8Array } {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
    return ((x >> 2) * 7919 + (y >> 2) * 104729 + (i % 3) * 31 + 13) % 256;
  });
  return { width, height, data };
}

const valuesOf = (x: tf.Tensor): Float32Array => {
  const values = x.dataSync() as Float32Array;
  x.dispose();
  return values;
};

describeBackends('bands', (backend) => {
  test('rows of a resized image are those of the whole, to the bit, and tfjs resizes alike', async () => {
    await expectNoLeak(() => {
      const x = normalTensor([2, 7, 5, 3], 4);
      for (const to of [
        [19, 8],
        [3, 5],
        [7, 11],
        [1, 1],
        [14, 10],
      ] as const) {
        const whole = resizedRows(x, 0, [7, 5], to, 0, to[0]);
        tf.tidy(() => expectClose(whole, resizeForward(x, to), 1e-5));
        const parts: tf.Tensor[] = [];
        for (let first = 0; first < to[0]; first += 2) {
          const last = Math.min(first + 2, to[0]);
          const [start, end] = rowsRead(7, to[0], first, last);
          const rows = tf.slice(x, [0, start, 0, 0], [2, end - start, 5, 3]);
          parts.push(resizedRows(rows, start, [7, 5], to, first, last));
          rows.dispose();
        }
        const joined = tf.concat(parts, 1);
        tf.dispose(parts);
        expect(valuesOf(joined)).toEqual(valuesOf(whole));
      }
      x.dispose();
    });
  });

  test('a picture of pixels is prepared alike, by rows and with few numbers at a time', async () => {
    await expectNoLeak(() => {
      const image = patches(23, 31);
      const statistics = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] } as const;
      for (const size of [
        [31, 23],
        [12, 9],
        [40, 37],
      ] as const) {
        const source = pictureSource('test', image);
        const whole = valuesOf(source.at(size, statistics));
        const some = valuesOf(source.rows(size, statistics, 3, 11));
        expect(some).toEqual(whole.slice(3 * 3 * size[1], 3 * 11 * size[1]));
        expect(valuesOf(pictureSource('test', image, 1).at(size, statistics))).toEqual(whole);
        source.dispose();
      }
    });
  });

  test('the map is the same, whatever they are', async () => {
    await expectNoLeak(async () => {
      const model = small(5);
      const image = patches(26, 33);
      const slide = { mode: 'slide', inputSize: [14, 12], slideStride: 7 } as const;
      const ways: SegmentOptions[] = [
        { outputSize: [53, 47] },
        slide,
        // Windows are passed over where rows of the map are far from each other.
        { ...slide, outputSize: [4, 60] },
        { ...slide, scales: [0.75, 1], flip: true, outputSize: [41, 29] },
      ];
      for (const options of backend === 'cpu' ? ways.slice(0, 2) : ways) {
        const { map } = await segmentInBands(model, image, options, Infinity);
        expect(new Set(map).size).toBeGreaterThan(1);
        for (const bytes of [1, 4000]) {
          expect((await segmentInBands(model, image, options, bytes)).map).toEqual(map);
        }
      }
      model.dispose();
    });
  });

  test('logits that are no numbers make no map', async () => {
    const model = small(3);
    const image = patches(12, 16);
    for (const value of [NaN, Infinity]) {
      for (const weight of model.weights) {
        // Of both heads; activations of some backends make numbers of what is none.
        if (weight.shape.length === 1 && weight.shape[0] === 3) {
          tf.tidy(() => void weight.write(tf.tensor1d([0, value, 0])));
        }
      }
      for (const mode of ['whole', 'slide'] as const) {
        await expectNoLeak(async () => {
          await expect(segment(model, image, { mode, inputSize: [12, 12] })).rejects.toThrow(
            `segment: the model ${model.name} gives logits that are not finite; check the image`,
          );
        });
      }
    }
    model.dispose();
  });
});

describeBackends(
  'memory of bands',
  () => {
    test('what is held does not grow with the map', async () => {
      const model = small(64);
      const image = patches(20, 24);
      await segment(model, image);
      const peakOf = async (outputSize: [number, number], options: SegmentOptions = {}) =>
        (
          await memoryPeak(() =>
            segmentInBands(model, image, { ...options, outputSize }, 4 * 64 * 60 * 4),
          )
        ).peakBytes;
      // In one piece the larger one has logits of 4.6 MB.
      const [low, high] = [await peakOf([90, 60]), await peakOf([300, 60])];
      expect(high).toBeLessThan(1.1 * low);
      const slide = { mode: 'slide', inputSize: [8, 8], scales: [1, 3] } as const;
      const [one, two] = [await peakOf([90, 60], slide), await peakOf([300, 60], slide)];
      expect(two).toBeLessThan(1.1 * one);
      model.dispose();
    });
  },
  { only: ['wasm'] },
);
