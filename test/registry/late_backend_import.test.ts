/** A backend that the program imports after this package is mended before its first operation. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { onBackendStart } from '../../src/ops/kernels/on_start';
import { repairWasmKernels } from '../../src/ops/kernels/wasm/index';

test("wasm's wrong kernels, without any operation of this package", async () => {
  // tfjs's own writes integers where floats are asked for.
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  const rows = tf.tidy(() => tf.oneHot([2, 0], 3, 1, 0, 'float32').dataSync());
  expect([...rows]).toEqual([0, 0, 1, 1, 0, 0]);
  expect(repairWasmKernels()).toEqual([]);
});

test('a listener hears of every start, and only the first one does', async () => {
  const [heard, second] = [jest.fn(), jest.fn()];
  onBackendStart('cpu', heard);
  onBackendStart('cpu', second);
  for (const name of ['cpu', 'wasm', 'cpu']) await tf.setBackend(name);
  expect(heard).toHaveBeenCalledTimes(2);
  expect(second).not.toHaveBeenCalled();
  const run = () => tf.engine().runKernel('TfjsRevcolStart', {});
  expect(run).toThrow('computes nothing');
});
