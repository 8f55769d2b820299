import * as tf from '@tensorflow/tfjs';

import { registerWasmKernels, repairWasmKernels } from '../../../src/ops/kernels/wasm/index';
import { expectClose, expectNoLeak, useBackend } from '../../support/backends';
import { uniform } from './wasm_reference';

type Pair = [number, number];
type Pad = 'same' | 'valid' | number;

const SHAPE = [2, 7, 10, 5];

/** Gradient of pooling in float64, by definition; of equal maxima the first of the window gets it. */
function reference(
  kind: 'max' | 'avg',
  x: Float32Array,
  dy: Float32Array,
  filter: Pair,
  strides: Pair,
  pad: Pad,
) {
  const [batch, height, width, channels] = SHAPE as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(
    [batch, height, width, channels],
    filter,
    strides,
    1,
    pad,
    typeof pad === 'number' ? 'floor' : undefined,
  );
  const dx = new Float64Array(x.length);
  dy.forEach((g, i) => {
    const channel = i % channels;
    const pixel = (i - channel) / channels;
    const [b, rest] = [Math.floor(pixel / (info.outHeight * info.outWidth)), pixel];
    const row = (Math.floor(rest / info.outWidth) % info.outHeight) * strides[0] - info.padInfo.top;
    const column = (rest % info.outWidth) * strides[1] - info.padInfo.left;
    const window: number[] = [];
    for (let r = Math.max(0, row); r < Math.min(height, row + filter[0]); r++)
      for (let c = Math.max(0, column); c < Math.min(width, column + filter[1]); c++)
        window.push(((b * height + r) * width + c) * channels + channel);
    const best = Math.max(...window.map((at) => x[at] as number));
    const receivers = kind === 'avg' ? window : window.filter((at) => x[at] === best).slice(0, 1);
    for (const at of receivers) dx[at] = (dx[at] as number) + g / receivers.length;
  });
  return { dx, outShape: info.outShape };
}

const CASES: [Pair, Pair, Pad][] = [
  [[2, 2], [2, 2], 'valid'],
  [[2, 2], [2, 2], 'same'],
  [[3, 3], [2, 2], 'same'],
  [[3, 2], [1, 3], 'valid'],
  [[2, 1], [1, 1], 'same'],
  [[3, 3], [1, 1], 1],
];

beforeAll(async () => {
  registerWasmKernels();
  repairWasmKernels();
  await useBackend('wasm');
});

describe.each(['max', 'avg'] as const)('%sPool', (kind) => {
  test.each(CASES)('filter %j, strides %j, pad %j', async (filter, strides, pad) => {
    // Mostly negative, as before a ReLU: where tfjs's own kernel loses gradients of maxima.
    const x = uniform(SHAPE, 1).map((v) => v - 0.8);
    const { outShape } = reference(kind, x, new Float32Array(), filter, strides, pad);
    const dy = uniform(outShape, 2);
    const { dx } = reference(kind, x, dy, filter, strides, pad);
    const rounding = typeof pad === 'number' ? 'floor' : undefined;
    const pool = (input: tf.Tensor) =>
      tf[`${kind}Pool`](input as tf.Tensor4D, filter, strides, pad, rounding);
    await expectNoLeak(() => {
      const got = tf.tidy(() =>
        tf.grad(pool)(tf.tensor(x, SHAPE), tf.tensor(dy, outShape)).dataSync(),
      );
      expectClose(got, dx, 1e-6);
    });
  });
});

test('a dy of another shape is refused', () => {
  const input = tf.zeros([1, 4, 4, 1]);
  const dy = tf.zeros([1, 3, 2, 1]);
  const attrs = { filterSize: 2, strides: 2, pad: 'valid' };
  expect(() => tf.engine().runKernel('MaxPoolGrad', { dy, input, output: dy }, attrs)).toThrow(
    'MaxPoolGrad (wasm): dy has shape [1, 3, 2, 1], but pooling input [1, 4, 4, 1] with filterSize 2 ' +
      'gives [1, 2, 2, 1]',
  );
  tf.dispose([input, dy]);
});
