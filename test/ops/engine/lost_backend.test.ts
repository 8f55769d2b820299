/** Losses of webgl contexts outside of pages: those of expo-gl and headless-gl have no canvas. */
import * as tf from '@tensorflow/tfjs';

import { BackendLostError, memoryPeak } from 'tfjs-revcol';
import { requireBackend } from '../../../src/ops/engine/lost_backend';

const CONTEXTS: [string, object][] = [
  ['has no canvas', {}],
  ['has null for a canvas', { canvas: null }],
  ['has a canvas that tells of nothing', { canvas: { width: 1, height: 1 } }],
];

describe.each(CONTEXTS)('a webgl backend whose context %s', (title, context) => {
  const name = `context that ${title}`;
  let isLost = false;

  beforeAll(async () => {
    await tf.setBackend('cpu');
    const Cpu = tf.backend().constructor as new () => tf.KernelBackend;
    class ContextBackend extends Cpu {
      readonly gpgpu = { gl: { ...context, isContextLost: () => isLost } };
    }
    tf.registerBackend(name, () => new ContextBackend());
    for (const kernel of tf.getKernelsForBackend('cpu')) {
      tf.registerKernel({ ...kernel, backendName: name });
    }
    await tf.setBackend(name);
  });
  afterAll(async () => {
    await tf.setBackend('cpu');
    tf.removeBackend(name);
  });

  test('works, and its loss is an error', async () => {
    expect((await memoryPeak(() => 1)).result).toBe(1);
    expect(() => requireBackend()).not.toThrow();
    isLost = true;
    expect(() => requireBackend()).toThrow(BackendLostError);
    isLost = false;
  });

  test('works where the context cannot say whether it is lost', async () => {
    const { gpgpu } = tf.backend() as unknown as { gpgpu: { gl: { isContextLost?: unknown } } };
    delete gpgpu.gl.isContextLost;
    expect((await memoryPeak(() => 2)).result).toBe(2);
  });
});
