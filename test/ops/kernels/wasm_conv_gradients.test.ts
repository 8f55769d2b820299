import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';

import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { registerWasmKernels, repairWasmKernels } from '../../../src/ops/kernels/wasm/index';
import { expectClose, useBackend } from '../../support/backends';
import { runs } from '../../support/runs';
import { type ConvCase, convReference, convShape, uniform } from './wasm_reference';

interface Gradients {
  x: Float32Array;
  filter: Float32Array;
}

/** Gradients of sum(y * weights) through tfjs's own autodiff, on the backend in use. */
function autodiff(c: ConvCase): Gradients {
  return tf.tidy(() => {
    const x = tf.tensor4d(uniform(c.inputShape, 1), c.inputShape);
    const filter = tf.tensor4d(uniform(c.filterShape, 2), c.filterShape);
    const forward = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
      const [image, kernel] = [a as tf.Tensor4D, b as tf.Tensor4D];
      const rounding = c.dimRoundingMode;
      if (!c.depthwise) {
        return tf.conv2d(image, kernel, c.strides, c.pad, 'NHWC', [1, 1], rounding);
      }
      const pad = c.pad as number | 'same' | 'valid';
      return tf.depthwiseConv2d(image, kernel, c.strides, pad, 'NHWC', [1, 1], rounding);
    };
    const y = forward(x, filter);
    const dy = tf.tensor(uniform(y.shape, 3), y.shape);
    const [dx, dw] = tf.grads(forward)([x, filter], dy);
    return {
      x: (dx as tf.Tensor).dataSync() as Float32Array,
      filter: (dw as tf.Tensor).dataSync() as Float32Array,
    };
  });
}

/** The kernels run directly: tfjs refuses to differentiate what is dilated or NCHW. */
function direct(c: ConvCase): Gradients {
  return tf.tidy(() => {
    const { inputShape, filterShape, outShape } = convReference(c);
    const x = tf.tensor(uniform(inputShape, 1), inputShape);
    const filter = tf.tensor(uniform(filterShape, 2), filterShape);
    const dy = tf.tensor(uniform(outShape, 3), outShape);
    const { strides, pad, dilations, dimRoundingMode, dataFormat } = c;
    const attrs = { strides, pad, dilations, dimRoundingMode, dataFormat, inputShape, filterShape };
    const run = (name: string, inputs: tf.NamedTensorMap): Float32Array => {
      const out = tf.engine().runKernel(name, inputs, attrs as unknown as tf.NamedAttrMap);
      return (out as tf.Tensor).dataSync() as Float32Array;
    };
    const [toInput, toFilter] = c.depthwise
      ? [tf.DepthwiseConv2dNativeBackpropInput, tf.DepthwiseConv2dNativeBackpropFilter]
      : [tf.Conv2DBackpropInput, tf.Conv2DBackpropFilter];
    return { x: run(toInput, { dy, filter }), filter: run(toFilter, { x, dy }) };
  });
}

/** Rounding errors of a few units in the last place of the terms, however these cancel. */
function expectCase(c: ConvCase, got: Gradients): void {
  const expected = convReference(c);
  expect(errorPerTerm(got.filter, expected.dFilter, expected.filterTerms)).toBeLessThan(2e-7);
  expect(errorPerTerm(got.x, expected.dInput, expected.inputTerms)).toBeLessThan(2e-7);
}

function errorPerTerm(got: Float32Array, expected: Float64Array, terms: Float64Array): number {
  expect(got.length).toBe(expected.length);
  const error = Math.hypot(...got.map((value, i) => value - (expected[i] as number)));
  return error === 0 ? 0 : error / Math.hypot(...terms);
}

const conv = (
  inputShape: ConvCase['inputShape'],
  filterShape: ConvCase['filterShape'],
  strides: ConvCase['strides'],
  pad: ConvCase['pad'],
  more: Partial<ConvCase> = {},
): ConvCase => ({ inputShape, filterShape, strides, pad, depthwise: false, ...more });

const depthwise: typeof conv = (inputShape, filterShape, strides, pad, more = {}) =>
  conv(inputShape, filterShape, strides, pad, { depthwise: true, ...more });

const CONV_CASES: ConvCase[] = [
  conv([2, 8, 8, 4], [3, 3, 4, 8], 1, 'same'),
  conv([2, 8, 8, 4], [3, 3, 4, 8], 1, 'valid'),
  conv([1, 7, 9, 3], [3, 3, 3, 5], 2, 'same'),
  conv([3, 9, 7, 5], [3, 3, 5, 7], [2, 1], 'valid'),
  conv([2, 11, 5, 1], [5, 3, 1, 2], [1, 2], 'same'),
  conv([2, 6, 6, 8], [1, 1, 8, 16], 1, 'valid'),
  conv([2, 6, 6, 8], [1, 1, 8, 3], 2, 'same'),
  // More than one block of patches (128 pixels of 2 MB).
  conv([1, 12, 13, 40], [7, 7, 40, 3], 1, 'same'),
  conv([2, 8, 8, 2], [2, 2, 2, 9], 2, 'valid'),
  conv([1, 9, 9, 3], [4, 4, 3, 6], 4, 'same'),
  conv([2, 8, 9, 4], [3, 3, 4, 4], 1, 1),
  conv([2, 8, 9, 4], [3, 3, 4, 4], 2, 2, { dimRoundingMode: 'floor' }),
  conv([2, 8, 8, 4], [3, 2, 4, 6], 1, [
    [0, 0],
    [2, 1],
    [0, 3],
    [0, 0],
  ]),
  conv([1, 2, 2, 3], [5, 5, 3, 4], 1, 'same'),
  conv([1, 1, 1, 1], [1, 1, 1, 1], 1, 'valid'),
  conv([5, 13, 11, 6], [3, 3, 6, 10], 3, 'same'),
  conv([2, 12, 12, 3], [5, 5, 3, 17], 1, 'same'),
  // More than one block of output channels (512) and of pixels (256).
  conv([1, 20, 17, 4], [1, 2, 4, 530], 1, 'valid'),
];

const DEPTHWISE_CASES: ConvCase[] = [
  depthwise([2, 8, 8, 4], [3, 3, 4, 1], 1, 'same'),
  depthwise([2, 8, 8, 4], [3, 3, 4, 1], 1, 'valid'),
  depthwise([1, 7, 9, 3], [3, 3, 3, 1], 2, 'same'),
  depthwise([3, 9, 7, 5], [3, 5, 5, 1], 2, 'valid'),
  depthwise([2, 12, 10, 8], [7, 7, 8, 1], 1, 'same'),
  depthwise([2, 5, 4, 8], [7, 7, 8, 1], 1, 'same'),
  depthwise([1, 3, 3, 4], [5, 5, 4, 1], 1, 'same'),
  depthwise([2, 9, 9, 12], [4, 2, 12, 1], 1, 'same'),
  depthwise([2, 9, 9, 12], [5, 5, 12, 1], 3, 'same'),
  depthwise([2, 8, 9, 4], [3, 3, 4, 1], 1, 1),
  depthwise([2, 8, 9, 4], [3, 3, 4, 1], 1, 2, { dimRoundingMode: 'ceil' }),
  depthwise([2, 8, 8, 4], [3, 3, 4, 2], 1, 'same'),
  depthwise([2, 7, 5, 3], [3, 3, 3, 3], 2, 'same'),
  depthwise([3, 6, 6, 1], [3, 3, 1, 6], 1, 'valid'),
  depthwise([1, 1, 1, 1], [1, 1, 1, 1], 1, 'valid'),
  depthwise([2, 14, 14, 6], [1, 1, 6, 1], 1, 'same'),
  depthwise([1, 5, 9, 4], [1, 9, 4, 1], 1, 'same'),
];

const DIRECT_CASES: ConvCase[] = [
  depthwise([2, 11, 12, 4], [3, 3, 4, 1], 1, 'same', { dilations: 2 }),
  depthwise([2, 11, 12, 5], [3, 3, 5, 1], 1, 'valid', { dilations: [3, 2] }),
  depthwise([2, 15, 9, 8], [4, 5, 8, 1], 1, 'same', { dilations: [2, 1] }),
  depthwise([2, 6, 5, 4], [3, 3, 4, 1], 1, 'same', { dilations: 4 }),
  depthwise([2, 9, 9, 3], [3, 3, 3, 2], 1, 'same', { dilations: 2 }),
  depthwise([1, 8, 8, 4], [3, 3, 4, 1], 1, [
    [0, 0],
    [3, 4],
    [5, 0],
    [0, 0],
  ]),
  conv([2, 4, 8, 7], [3, 3, 4, 6], 1, 'same', { dataFormat: 'NCHW' }),
  conv([2, 3, 9, 8], [3, 2, 3, 5], 2, 'valid', { dataFormat: 'NCHW' }),
  conv([1, 8, 8, 4], [3, 3, 4, 6], 1, [
    [0, 0],
    [5, 4],
    [3, 6],
    [0, 0],
  ]),
];

function title(c: ConvCase): string {
  const rest = [c.strides, c.pad, c.dilations ?? 1, c.dimRoundingMode ?? '', c.dataFormat ?? ''];
  const kind = c.depthwise ? 'depthwise' : 'conv';
  return `${kind} ${c.inputShape.join('x')} * ${c.filterShape.join('x')} ${JSON.stringify(rest)}`;
}

beforeAll(() => {
  registerWasmKernels();
  repairWasmKernels();
});

describe('through autodiff, equal to the cpu backend', () => {
  test.each([...CONV_CASES, ...DEPTHWISE_CASES].map((c) => [title(c), c] as const))(
    '%s',
    async (_, c) => {
      await useBackend('cpu');
      const expected = autodiff(c);
      await useBackend('wasm');
      const before = tf.memory().numTensors;
      const dataIds = tf.backend().numDataIds();
      const got = autodiff(c);
      expect(tf.memory().numTensors).toBe(before);
      expect(tf.backend().numDataIds()).toBe(dataIds);
      expectClose(got.filter, expected.filter, 1e-5, 'filter');
      expectClose(got.x, expected.x, 1e-5, 'input');
      expectCase(c, got);
    },
  );
});

describe.each([true, false])('the kernels alone, SIMD %s', (simd) => {
  beforeAll(async () => {
    await useBackend('wasm');
    tf.env().set(SIMD_FLAG, simd);
  });
  afterAll(() => {
    tf.env().set(SIMD_FLAG, true);
  });

  test.each(
    [...DIRECT_CASES, ...CONV_CASES, ...DEPTHWISE_CASES].map((c) => [title(c), c] as const),
  )('%s', (_, c) => {
    const dataIds = tf.backend().numDataIds();
    expectCase(c, direct(c));
    expect(tf.backend().numDataIds()).toBe(dataIds);
  });

  test('any geometry', () => {
    const small = fc.integer({ min: 1, max: 9 });
    const geometry = fc.record({
      depthwise: fc.boolean(),
      batch: fc.integer({ min: 1, max: 3 }),
      height: fc.integer({ min: 1, max: 12 }),
      width: fc.integer({ min: 1, max: 12 }),
      channels: small,
      last: small,
      filterHeight: fc.integer({ min: 1, max: 7 }),
      filterWidth: fc.integer({ min: 1, max: 7 }),
      strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      dilations: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      pad: fc.oneof(
        fc.constantFrom<ConvCase['pad'][]>('same', 'valid'),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 4, maxLength: 4 }).map((p) => {
          const [top, bottom, left, right] = p as [number, number, number, number];
          return [
            [0, 0],
            [top, bottom],
            [left, right],
            [0, 0],
          ] as ConvCase['pad'];
        }),
      ),
    });
    fc.assert(
      fc.property(geometry, (g) => {
        const c: ConvCase = {
          inputShape: [g.batch, g.height, g.width, g.channels],
          filterShape: [
            g.filterHeight,
            g.filterWidth,
            g.channels,
            g.depthwise ? (g.last % 3) + 1 : g.last,
          ],
          strides: g.strides,
          pad: g.pad,
          depthwise: g.depthwise,
          dilations: g.depthwise ? g.dilations : undefined,
        };
        fc.pre(convShape(c).outShape.every((size) => size > 0));
        expectCase(c, direct(c));
      }),
      { numRuns: runs(60) },
    );
  });
});
