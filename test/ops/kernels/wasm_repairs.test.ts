/** Forward passes that tfjs-backend-wasm gets wrong, and what it corrupts its heap with. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { BACKENDS, expectClose, expectNoLeak, useBackend } from '../../support/backends';
import { uniform } from './wasm_reference';

const onWasm = BACKENDS.includes('wasm') ? describe : describe.skip;

onWasm('repaired kernels of wasm', () => {
  beforeAll(() => useBackend('wasm'));
  afterAll(() => useBackend('cpu'));

  test('a cast to bool asks whether a number is 0', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const bools = tf.cast(tf.tensor1d([-2.5, 0, 0.3, 256, NaN]), 'bool');
        expect([...bools.dataSync()]).toEqual([1, 0, 1, 1, 1]);
        expect([...tf.cast(tf.tensor1d([0, 512], 'int32'), 'bool').dataSync()]).toEqual([0, 1]);
        expect([...tf.cast(tf.tensor1d([-2.5, 3.5]), 'int32').dataSync()]).toEqual([-2, 3]);
      }),
    );
  });

  test('a clone shares the data, until either is given other ones', async () => {
    await expectNoLeak(() => {
      const initial = tf.range(0, 5);
      const x = tf.variable(initial);
      initial.dispose();
      const before = tf.memory().numDataBuffers;
      const copy = tf.clone(x);
      expect(tf.memory().numDataBuffers).toBe(before);
      tf.tidy(() => x.assign(tf.zeros([5])));
      expect([...copy.dataSync()]).toEqual([0, 1, 2, 3, 4]);
      x.dispose();
      expect([...tf.tidy(() => tf.clone(tf.mul(copy, 2)).dataSync())]).toEqual([0, 2, 4, 6, 8]);
      copy.dispose();
      const words = tf.tensor1d(['a', 'b']);
      const same = tf.clone(words);
      words.dispose();
      expect(same.dataSync()).toEqual(['a', 'b']);
      same.dispose();
    });
  });

  test('gather with batchDims takes the indices of each batch entry', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.reshape(tf.range(0, 8, 1, 'int32'), [2, 4]);
        const indices = tf.tensor2d([[0, 3], [2, 1]], [2, 2], 'int32'); // prettier-ignore
        expect([...tf.gather(x, indices, 1, 1).dataSync()]).toEqual([0, 3, 6, 5]);
        const outside = tf.tensor2d([0, 4, 0, 0], [2, 2], 'int32');
        expect(() => tf.gather(x, outside, 1, 1)).toThrow('index value 4 is not in [0, 3]');
      }),
    );
  });

  test('gather of rows copies them, whatever their type', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        for (const dtype of ['float32', 'int32'] as const) {
          const x = tf.reshape(tf.range(0, 66, 1, dtype), [3, 2, 11]);
          const rows = tf.gather(x, tf.tensor2d([2, 0], [1, 2], 'int32'));
          expect(rows.shape).toEqual([1, 2, 2, 11]);
          expect(rows.dtype).toBe(dtype);
          const from = (start: number) => Array.from({ length: 22 }, (_, i) => start + i);
          expect([...rows.dataSync()]).toEqual([...from(44), ...from(0)]);
          const middle = tf.gather(x, tf.tensor1d([1, 1], 'int32'), -2);
          expect(middle.shape).toEqual([3, 2, 11]);
          expect([...middle.dataSync()].slice(33, 35)).toEqual([44, 45].map((v) => v - 11));
        }
        const x = tf.zeros([3, 20]);
        expect(() => tf.gather(x, tf.tensor1d([3], 'int32'))).toThrow('value 3 is not in [0, 2]');
        expect(tf.gather(x, tf.tensor1d([], 'int32')).shape).toEqual([0, 20]);
      }),
    );
  });

  test('slice stays within the tensor', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
        expect([...tf.slice(x, [0, 1], [-1, 2]).dataSync()]).toEqual([2, 3, 5, 6]);
        expect([...tf.slice(x, 1).dataSync()]).toEqual([4, 5, 6]);
        expect(() => tf.slice(x, [0, 0], [3, 3])).toThrow(
          'begin[0] + size[0] (3) would overflow input.shape[0] (2)',
        );
        expect(() => tf.slice(x, [1, 2], [1, 2])).toThrow('would overflow input.shape[1] (3)');
      }),
    );
  });

  test('oneHot writes its dtype', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const hot = tf.oneHot(tf.tensor1d([1, -1], 'int32'), 2, 0.5, 0.25, 'float32');
        expect([...hot.dataSync()]).toEqual([0.25, 0.5, 0.25, 0.25]);
      }),
    );
  });

  test.each([
    ['same', 2, [2, 4, 4, 4, 3]],
    ['valid', 2, [2, 5, 5, 5, 3]],
    ['valid', 1, [2, 4, 4, 4, 3]],
  ] as const)('conv3dTranspose, %s, strides %d', async (pad, strides, outShape) => {
    const shape = outShape.map((d, i) => (i === 0 ? d : i === 4 ? 2 : pad === 'same' ? 2 : 0));
    const side = pad === 'same' ? 2 : (outShape[1] - 3) / strides + 1;
    const xShape = shape.map((d, i) => (i > 0 && i < 4 ? side : d)) as [number, number, number, number, number]; // prettier-ignore
    const run = () =>
      tf.tidy(() =>
        tf
          .conv3dTranspose(
            tf.tensor5d(uniform(xShape, 1), xShape),
            tf.tensor5d(uniform([3, 3, 3, 3, 2], 2), [3, 3, 3, 3, 2]),
            [...outShape],
            strides,
            pad,
          )
          .dataSync(),
      );
    const got = await expectNoLeak(run);
    await useBackend('cpu');
    const expected = run();
    await useBackend('wasm');
    expectClose(got, expected, 1e-6);
  });

  test.each(['conv2d', 'depthwiseConv2d'] as const)(
    '%s, same, strides that leave pixels over',
    async (conv) => {
      const filter: [number, number, number, number] = [3, 1, 2, 2];
      const run = () =>
        tf.tidy(() =>
          tf[conv](
            tf.tensor4d(uniform([1, 7, 4, 2], 1), [1, 7, 4, 2]),
            tf.tensor4d(uniform(filter, 2), filter),
            [1, 2],
            'same',
          ).dataSync(),
        );
      const got = await expectNoLeak(run);
      await useBackend('cpu');
      const expected = run();
      await useBackend('wasm');
      expectClose(got, expected, 1e-6);
    },
  );

  test('windows that are not square, with a padding in pixels, are refused', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.zeros([1, 6, 7, 3]) as tf.Tensor4D;
        const filter = tf.zeros([1, 2, 3, 4]) as tf.Tensor4D;
        expect(() => tf.conv2d(x, filter, 1, 1, 'NHWC', 1, 'floor')).toThrow(
          'Conv2D (wasm): pad 1 with a window of 1 x 2 and strides 1; tfjs computes the wrong ' +
            "width for the output of such a window. Use 'same' or 'valid', after tf.pad",
        );
        expect(() => tf.maxPool(x, 2, [2, 1], 1, 'floor')).toThrow('MaxPool (wasm): pad 1');
        expect(() => tf.avgPool(x, [1, 2], 1, 0, 'floor')).toThrow('AvgPool (wasm): pad 0');
        expect(tf.maxPool(x, 2, 2, 1, 'floor').shape).toEqual([1, 4, 4, 3]);
      }),
    );
  });
});

describe('gradients of tfjs that are wrong on every backend', () => {
  test.each(BACKENDS)('cumsum and mirrorPad [%s]', async (backend) => {
    await useBackend(backend);
    await expectNoLeak(() =>
      tf.tidy(() => {
        const weights = tf.reshape(tf.range(1, 10), [3, 3]);
        const sums = tf.grad((x) => tf.sum(tf.mul(tf.cumsum(x, 0), weights)))(tf.ones([3, 3]));
        expect([...sums.dataSync()]).toEqual([12, 15, 18, 11, 13, 15, 7, 8, 9]);
        const mirrored = tf.grad((x) => tf.sum(tf.mirrorPad(x, [[1, 2]], 'reflect'))); // prettier-ignore
        expect([...mirrored(tf.ones([3])).dataSync()]).toEqual([2, 3, 1]);
      }),
    );
    await useBackend('cpu');
  });
});
