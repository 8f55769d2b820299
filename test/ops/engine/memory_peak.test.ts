import * as tf from '@tensorflow/tfjs';

import { memoryPeak } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../../support/backends';

describeBackends('memoryPeak', () => {
  test('counts the bytes of live tensors, exactly', async () => {
    await expectNoLeak(async () => {
      const kept = tf.zeros([25]);
      const before = tf.memory().numBytes;
      const { result, peakBytes } = await memoryPeak(() => {
        const [a, b] = [tf.zeros([100]), tf.zeros([10, 20], 'int32')];
        // tfjs counts a clone like any tensor.
        const c = tf.clone(a);
        tf.dispose([a, b, c]);
        const d = tf.ones([3], 'bool');
        d.dispose();
        return 'done';
      });
      expect(result).toBe('done');
      expect(peakBytes - before).toBe(4 * (100 + 200 + 100));
      expect(tf.memory().numBytes).toBe(before);
      kept.dispose();
    });
  });

  test('counts what an operation returns while its operands live', async () => {
    const before = tf.memory().numBytes;
    const { peakBytes } = await memoryPeak(() =>
      tf.tidy(() => void tf.add(tf.zeros([10]), tf.zeros([10]))),
    );
    expect(peakBytes - before).toBe(3 * 40);
  });

  test('is what lives already where nothing more does', async () => {
    const kept = tf.zeros([7]);
    const { numBytes } = tf.memory();
    const { peakBytes } = await memoryPeak(() => kept.dispose());
    expect(peakBytes).toBe(numBytes);
    expect(tf.memory().numBytes).toBe(numBytes - 28);
  });

  test('waits for an asynchronous function', async () => {
    const before = tf.memory().numBytes;
    const { result, peakBytes } = await memoryPeak(async () => {
      await Promise.resolve();
      const late = tf.zeros([50]);
      const values = await late.data();
      late.dispose();
      return values.length;
    });
    expect(result).toBe(50);
    expect(peakBytes - before).toBe(200);
  });

  test('can be nested and overlap, each with a peak of its own', async () => {
    const before = tf.memory().numBytes;
    let inner: { peakBytes: number } | undefined;
    const outer = await memoryPeak(async () => {
      tf.zeros([100]).dispose();
      inner = await memoryPeak(() => tf.zeros([10]).dispose());
    });
    expect(outer.peakBytes - before).toBe(400);
    expect((inner?.peakBytes ?? 0) - before).toBe(40);
  });

  test('passes on an error and has ended then', async () => {
    const descriptor = () => Object.getOwnPropertyDescriptor(tf.engine().state, 'numBytes');
    const plain = descriptor();
    for (const fail of [
      () => {
        throw new Error('broke');
      },
      () => Promise.reject(new Error('broke')),
    ]) {
      await expect(memoryPeak(fail)).rejects.toThrow('broke');
      expect(descriptor()).toEqual(plain);
    }
    const before = tf.memory().numBytes;
    const x = tf.zeros([5]);
    expect(tf.memory().numBytes).toBe(before + 20);
    x.dispose();
  });
});
