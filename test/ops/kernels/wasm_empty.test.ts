/** Inputs without elements give what they give on backend 'cpu', forward and back. */
// Its import mends the backend.
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { columnSum } from '../../../src/ops/column_sum';
import { gelu } from '../../../src/ops/gelu';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { layerNorm } from '../../../src/ops/layer_norm';
import { linear } from '../../../src/ops/linear';
import { batchMatMul, matMul2d } from '../../../src/ops/mat_mul';
import { BACKENDS, describeBackends, expectNoLeak, useBackend } from '../../support/backends';

type Program = [shapes: number[][], run: (...x: tf.Tensor[]) => tf.Tensor];

const conv = (x: tf.Tensor, f: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'same'); // prettier-ignore
const depthwise = (x: tf.Tensor, f: tf.Tensor) => tf.depthwiseConv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'); // prettier-ignore
const volume = (x: tf.Tensor, f: tf.Tensor) => tf.conv3d(x as tf.Tensor5D, f as tf.Tensor5D, 1, 'same'); // prettier-ignore

const fusedConv = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
  tf.fused.conv2d({ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, strides: 2, pad: 'same', bias, activation: 'relu' }); // prettier-ignore

/** A product with a bias below and above 0. */
const fused =
  (activation: tf.fused.Activation, transposeA = false, transposeB = false) =>
  (a: tf.Tensor, b: tf.Tensor, ones: tf.Tensor) =>
    tf.fused.matMul({
      ...{ a, b, transposeA, transposeB, activation, leakyreluAlpha: 0.3 },
      bias: tf.sub(tf.cumsum(ones), 2),
      ...(activation === 'prelu' && { preluActivationWeights: tf.fill([ones.size], 0.1) }),
    });

/** Programs, each with the shapes of its inputs. */
const PROGRAMS: Record<string, Program> = {
  'a linear layer': [[[0, 5, 4], [4, 3], [3]], (x, w, b) => linear(x, w, b)], // prettier-ignore
  gelu: [[[0, 4]], gelu],
  'layer norm': [[[0, 3, 4], [4], [4]], (x, g, b) => layerNorm(x, g, b)], // prettier-ignore
  'a convolution': [[[0, 4, 4, 3], [3, 3, 3, 2]], conv], // prettier-ignore
  'a depthwise convolution': [[[0, 4, 4, 3], [3, 3, 3, 1]], depthwise], // prettier-ignore
  'one of more outputs': [[[0, 4, 4, 3], [3, 3, 3, 2]], depthwise], // prettier-ignore
  'a volume': [[[0, 2, 4, 4, 3], [1, 3, 3, 3, 2]], volume], // prettier-ignore
  'a maximum of windows': [[[0, 4, 4, 3]], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'same')],
  'a mean of windows': [[[0, 4, 4, 3]], (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'same')],
  'rows of images': [[[0, 4, 3, 2]], (x) => tf.gather(x, tf.tensor1d([3, 0, 0], 'int32'), 1)],
  'a transpose': [[[2, 0, 3, 5]], (x) => tf.transpose(x, [0, 2, 1, 3])],
  'a sum': [[[3, 0, 2]], (x) => tf.sum(x, 1)],
  'a sum of none': [[[0, 5, 2]], (x) => tf.sum(x, 1, true)],
  'a mean of none': [[[0, 5, 2]], (x) => tf.mean(x, 1)],
  'a convolution of no channels': [[[2, 4, 4, 0], [3, 3, 0, 2]], conv], // prettier-ignore
  'a convolution to no channels': [[[2, 4, 4, 3], [3, 3, 3, 0]], conv], // prettier-ignore
  'a convolution of no rows': [[[2, 0, 4, 3], [3, 3, 3, 2]], conv], // prettier-ignore
  'a depthwise convolution of no channels': [[[2, 4, 4, 0], [3, 3, 0, 2]], depthwise], // prettier-ignore
  'a fused convolution of no channels': [[[2, 4, 4, 0], [3, 3, 0, 2], [2]], fusedConv], // prettier-ignore
  'a fused product over nothing': [[[2, 0], [0, 3], [3]], fused('relu')], // prettier-ignore
  'fused products of none': [[[0, 2, 3], [0, 3, 4], [4]], fused('relu6')], // prettier-ignore
  'a maximum of windows of no channels': [[[2, 4, 4, 0]], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'same')], // prettier-ignore
  'a mean of windows of no rows': [[[2, 0, 4, 3]], (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'same')], // prettier-ignore
};

const images = (x: tf.Tensor) => x as tf.Tensor4D;
const boxes = (x: tf.Tensor, at: tf.Tensor) => tf.image.cropAndResize(images(x), at as tf.Tensor2D, tf.zeros([1], 'int32'), [2, 2], 'bilinear', 5); // prettier-ignore

/** The same of what tfjs has no gradient for, or none for empty inputs. */
const FORWARD: Record<string, Program> = {
  'no rows times a matrix': [[[0, 4], [4, 3]], (a, b) => matMul2d(a, b)], // prettier-ignore
  'rows times no columns': [[[2, 4], [4, 0]], (a, b) => matMul2d(a, b)], // prettier-ignore
  'a product over nothing': [[[2, 0], [0, 3]], (a, b) => matMul2d(a, b)], // prettier-ignore
  'a transposed product over nothing': [[[0, 2], [0, 3]], (a, b) => matMul2d(a, b, true)], // prettier-ignore
  'no products': [[[0, 2, 4], [0, 4, 3]], (a, b) => batchMatMul(a, b)], // prettier-ignore
  'products over nothing': [[[2, 3, 0], [2, 5, 0]], (a, b) => batchMatMul(a, b, false, true)], // prettier-ignore
  'a stock product over nothing': [[[4, 0], [0, 4]], (a, b) => tf.matMul(a, b)], // prettier-ignore
  'stock products of none': [[[0, 31, 6], [0, 31, 9]], (a, b) => tf.matMul(a, b, true)], // prettier-ignore
  'stock products over nothing': [[[3, 6, 0], [1, 6, 0]], (a, b) => tf.matMul(a, b, false, true)], // prettier-ignore
  'a sum of columns': [[[0, 4]], columnSum],
  'a sum of no columns': [[[4, 0]], columnSum],
  'a mean': [[[3, 0, 2]], (x) => tf.mean(x, [1])],
  'a product of none': [[[0, 5, 2]], (x) => tf.prod(x, 1)],
  'a maximum of none': [[[0, 5, 2]], (x) => tf.max(x, 1)],
  'a minimum of none': [[[0, 5, 2]], (x) => tf.min(x, 1, true)],
  'a maximum': [[[3, 0, 2]], (x) => tf.max(x, 1)],
  'a minimum': [[[3, 0, 2]], (x) => tf.min(x, 1)],
  'a product': [[[3, 0, 2]], (x) => tf.prod(x, 1)],
  'fused products of none with one': [[[0, 2, 3], [1, 3, 4], [4]], fused('relu6')], // prettier-ignore
  'all of none': [[[0, 3]], (x) => tf.all(tf.cast(x, 'bool'), 0)],
  'any of none': [[[3, 0]], (x) => tf.any(tf.cast(x, 'bool'), 1)],
  'the largest of none': [[[3, 0]], (x) => tf.topk(x, 0).indices],
  'values below 0': [[[0, 3], [3]], tf.prelu], // prettier-ignore
  'one value below 0': [[[], [0]], tf.prelu], // prettier-ignore
  'rows of nothing': [[[4, 0]], (x) => tf.gather(x, tf.tensor1d([1, 2], 'int32'))],
  'pixels of no rows': [[[2, 0, 4, 3]], (x) => tf.image.resizeBilinear(images(x), [3, 3])],
  'nearest pixels of no rows': [[[2, 0, 4, 3]], (x) => tf.image.resizeNearestNeighbor(images(x), [3, 3])], // prettier-ignore
  'boxes of no rows': [[[2, 0, 4, 3], [1, 4]], boxes], // prettier-ignore
  'boxes of no images': [[[0, 4, 4, 3], [1, 4]], boxes], // prettier-ignore
  'a window beside no rows': [[[2, 0, 4, 3]], (x) => tf.maxPool(images(x), 2, 2, 1)],
  'a filter beside no rows': [[[2, 0, 4, 3], [2, 2, 3, 2]], (x, f) => tf.conv2d(images(x), images(f), 2, 1)], // prettier-ignore
  ...Object.fromEntries(
    (['linear', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const).map(
      (activation): [string, Program] => [
        `a fused transposed product over nothing, ${activation}`,
        [[[0, 2], [3, 0], [3]], fused(activation, true, true)], // prettier-ignore
      ],
    ),
  ),
};

test('gradients of images resized from nothing corrupt no memory', async () => {
  if (!BACKENDS.includes('wasm')) return;
  await useBackend('wasm');
  await expectNoLeak(() =>
    tf.tidy(() => {
      const rows = tf.range(0, 64);
      for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
        const gradient = tf.grad((x) => resize(images(x), [9, 9]));
        const dx = gradient(tf.ones([2, 0, 4, 3]), tf.ones([2, 9, 9, 3]));
        expect([dx.shape, dx.size]).toEqual([[2, 0, 4, 3], 0]);
      }
      expect([...rows.dataSync()]).toEqual(Array.from({ length: 64 }, (_, i) => i));
    }),
  );
});

interface Result {
  shape: number[];
  dtype: string;
  values: number[];
}

const resultOf = (t: tf.Tensor): Result => ({
  shape: t.shape,
  dtype: t.dtype,
  values: [...t.dataSync()],
});

function results([shapes, run]: Program, back: boolean): Result[] {
  return tf.tidy(() => {
    // What they leave in the memory must not be read.
    tf.fill([256], 7).dispose();
    const inputs = shapes.map((shape) => tf.ones(shape));
    const y = run(...inputs);
    const gradients = back ? tf.grads(run)(inputs, tf.ones(y.shape)) : [];
    return [y, ...gradients].map(resultOf) as unknown as tf.TensorContainer;
  }) as unknown as Result[];
}

describeBackends(
  'inputs without elements',
  () => {
    afterEach(() => tf.env().set(SIMD_FLAG, true));

    const all = [
      ...Object.entries(PROGRAMS).map(([title, p]) => [title, p, true] as const),
      ...Object.entries(FORWARD).map(([title, p]) => [title, p, false] as const),
    ];
    test.each(all)('%s', async (_, program, back) => {
      await useBackend('cpu');
      const expected = results(program, back);
      await useBackend('wasm');
      await expectNoLeak(() => {
        expect(results(program, back)).toEqual(expected);
        tf.env().set(SIMD_FLAG, false);
        expect(results(program, back)).toEqual(expected);
      });
    });
  },
  { only: ['wasm'] },
);
