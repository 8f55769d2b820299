/** Class activation maps of the page: where they lie, and that they are what the head adds up. */
import * as tf from '@tensorflow/tfjs';

import { evidenceOf, lookAt, topLevels } from '../../demo/src/worker/maps';
import { makeModel } from '../../demo/src/worker/model';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';

const SETTINGS = {
  data: 'digits',
  columns: 3,
  side: 16,
  backprop: 'reversible',
  seed: 5,
} as const;

describeBackends(
  'class activation maps',
  () => {
    test('lie where the features of a class are', async () => {
      await expectNoLeak(async () => {
        const channels = 4;
        // Channel 1 stands for class 0 and is seen at the right of the bottom row; channel 3 for class 1, at the top.
        const features = tf.buffer([3, 5, channels]);
        features.set(8, 2, 4, 1);
        features.set(6, 0, 1, 3);
        const x = features.toTensor() as tf.Tensor3D;
        const head = {
          gamma: tf.tensor1d([1, 2, 1, 1]),
          beta: tf.tensor1d([0, 0.5, 0, 0]),
          kernel: tf.tensor2d([[0, 0], [1, 0], [0, 0], [0, 1]]), // prettier-ignore
          bias: tf.tensor1d([0.25, -1]),
        };
        const { maps, constants } = evidenceOf(x, head);
        const [first, second] = tf.tidy(() =>
          tf.unstack(maps, 2).map((map) => Array.from(map.dataSync())),
        ) as [number[], number[]];
        // Means over places are 8 / 15 and 6 / 15 in two of four channels, 3.5 / 15 over all.
        const means = [0, 8 / 15, 0, 6 / 15];
        const mean = 3.5 / 15;
        const deviation = Math.sqrt(means.reduce((sum, m) => sum + (m - mean) ** 2, 0) / 4 + 1e-6);
        expect(first.indexOf(Math.max(...first))).toBe(2 * 5 + 4);
        expect(second.indexOf(Math.max(...second))).toBe(1);
        // 8 above a mean of 2 over the channels there, times the scale.
        expect(first[14]).toBeCloseTo((2 * (8 - 2)) / deviation, 3);
        expect(second[1]).toBeCloseTo((6 - 1.5) / deviation, 3);
        // What speaks for the other class speaks against this one; where nothing is, nothing is said.
        expect(first[1]).toBeCloseTo((2 * -1.5) / deviation, 3);
        expect(first[7]).toBeCloseTo(0, 6);
        expect(Array.from(constants.dataSync())).toEqual([0.75, -1]);
        tf.dispose([x, head as unknown as tf.TensorContainer, maps, constants]);
      });
    });

    test('add up to the logits of the network, column by column', async () => {
      const classes = ['a', 'b', 'c'];
      const model = makeModel(SETTINGS, classes);
      const x = tf.randomUniform([1, 16, 16, 3], 0, 255, 'float32', 7) as tf.Tensor4D;
      try {
        const looks = await expectNoLeak(() => lookAt(model, x));
        expect(looks.map(({ maps }) => maps.length)).toEqual([3, 3, 3]);
        const expected = tf.tidy(() => tf.softmax(model.predict(x) as tf.Tensor2D));
        expectClose(tf.tensor1d(looks[2]?.probabilities ?? []), tf.squeeze(expected), 1e-5);
        // Columns differ, so their maps are not all the last one's.
        expect(looks[0]?.probabilities).not.toEqual(looks[2]?.probabilities);
        const backbone = model.getLayer('backbone') as unknown as Parameters<typeof topLevels>[0];
        const head = model.getLayer('head');
        const [tops, output] = [topLevels(backbone, x), backbone.apply(x) as tf.Tensor];
        expectClose(tops[2] as tf.Tensor, output, 1e-5);
        tops.forEach((top, i) => {
          const own = tf.softmax(head.apply(top) as tf.Tensor2D);
          expectClose(tf.tensor1d(looks[i]?.probabilities ?? []), tf.squeeze(own), 1e-5);
        });
      } finally {
        x.dispose();
        model.dispose();
      }
    });
  },
  { only: ['cpu', 'wasm'] },
);
