import * as tf from '@tensorflow/tfjs';

import { confusionMatrix } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectNoLeak } from '../support/backends';

/** Counted one by one. */
function counted(labels: readonly number[], predictions: readonly number[], classes: number) {
  const counts = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  labels.forEach((label, i) => {
    const row = counts[label] as number[];
    row[predictions[i] as number] = (row[predictions[i] as number] as number) + 1;
  });
  return counts;
}

describeBackends('confusionMatrix', (backend) => {
  const [labels, predictions] = [
    [0, 1, 2, 1, 0, 3],
    [0, 2, 2, 1, 0, 1],
  ];
  const expected = [
    [2, 0, 0, 0],
    [0, 1, 1, 0],
    [0, 0, 1, 0],
    [0, 1, 0, 0],
  ];
  // Class numbers are looked at where that costs nothing.
  const late = ['webgl', 'webgpu'].includes(backend);

  test('counts tensors and numbers, row by true class', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const forms: [tf.Tensor1D | number[] | Int32Array, tf.Tensor1D | number[] | Uint8Array][] =
          [
            [tf.tensor1d(labels, 'int32'), tf.tensor1d(predictions, 'int32')],
            [tf.tensor1d(labels), tf.tensor1d(predictions)],
            [labels, predictions],
            [Int32Array.from(labels), Uint8Array.from(predictions)],
          ];
        for (const [a, b] of forms) {
          const matrix = confusionMatrix(a, b, 4);
          expect(matrix.dtype).toBe('int32');
          expect(matrix.arraySync()).toEqual(expected);
        }
        expect(confusionMatrix([], [], 2).arraySync()).toEqual([
          [0, 0],
          [0, 0],
        ]);
      }),
    );
  });

  test('one class is a count', () => {
    const matrix = confusionMatrix([0, 0, 0], tf.tensor1d([0, 0, 0], 'int32'), 1);
    expect(matrix.arraySync()).toEqual([[3]]);
    matrix.dispose();
  });

  test('counts more examples than are one-hot at a time', () => {
    const random = seededRandom(1);
    const draw = () => Array.from({ length: 150_001 }, () => Math.floor(3 * random()));
    const [a, b] = [draw(), draw()];
    tf.tidy(() => {
      const matrix = confusionMatrix(tf.tensor1d(a, 'int32'), tf.tensor1d(b, 'int32'), 3);
      expect(matrix.arraySync()).toEqual(counted(a, b, 3));
    });
  });

  test('class numbers out of range are not left out of the count', async () => {
    for (const wrong of [4, -1, 1000]) {
      const [short, same] = [
        [0, wrong],
        [0, 1],
      ];
      await expectNoLeak(() =>
        tf.tidy(() => {
          const pairs = [
            ['a label', short, same],
            ['a prediction', same, short],
          ] as const;
          for (const [what, a, b] of pairs) {
            const message = `confusionMatrix: ${what} is ${wrong}; expected integers from 0 to 3`;
            expect(() => confusionMatrix(a, b, 4)).toThrow(message);
            const run = () => confusionMatrix(tf.tensor1d(a, 'int32'), tf.tensor1d(b, 'int32'), 4);
            if (late) expect(new Set(run().dataSync())).toEqual(new Set([-1]));
            else expect(run).toThrow(message);
          }
        }),
      );
    }
  });

  test('shapes and arguments are refused', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        expect(() => confusionMatrix([0], [0, 1], 2)).toThrow('1 labels and 2 predictions');
        expect(() => confusionMatrix([0], [0], 0)).toThrow('numClasses is 0');
        expect(() => confusionMatrix(tf.zeros([2, 2]) as never, [0], 2)).toThrow(
          'labels is a tensor of shape [2, 2]; expected class numbers, one per example',
        );
        expect(() => confusionMatrix([0], 'a' as never, 2)).toThrow('predictions is "a"');
        expect(() => confusionMatrix([0.5], [0], 2)).toThrow('a label is 0.5');
      }),
    );
  });
});
