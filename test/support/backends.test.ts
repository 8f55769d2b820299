import * as tf from '@tensorflow/tfjs';

import { BACKENDS, describeBackends, expectClose, expectNoLeak, relativeError } from './backends';

describeBackends('a backend of the table', (backend) => {
  test('is current and computes', () => {
    expect(tf.getBackend()).toBe(backend);
    const product = tf.tidy(() => tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync());
    expect([...product]).toEqual([3, 3, 3, 3]);
  });

  test('differentiates', () => {
    const gradient = tf.tidy(() =>
      tf
        .grad((x: tf.Tensor) => tf.sum(tf.square(x)))(tf.tensor1d([1, -2]))
        .dataSync(),
    );
    expect([...gradient]).toEqual([2, -4]);
  });
});

const visited: string[] = [];
describeBackends(
  'a choice of backends',
  (backend) => {
    test('holds those that are asked for', () => {
      visited.push(backend);
      expect(backend).not.toBe('cpu');
    });
  },
  { except: ['cpu'] },
);

test('a choice of backends visits each once', () => {
  expect(visited).toEqual(BACKENDS.filter((name) => name !== 'cpu'));
});

test('each block hands back the backend that it found: the first, which found none', () => {
  expect(tf.getBackend()).toBe(BACKENDS[0]);
});

describe('expectClose', () => {
  test('measures the error relative to what is expected', () => {
    expect(relativeError([3, 4.05], [3, 4])).toBeCloseTo(0.01, 12);
    expect(relativeError([0, 2], [0, 0])).toBe(2);
    expect(() => expectClose([3, 4.05], [3, 4], 0.0101)).not.toThrow();
  });

  test('names the error when it is too large', () => {
    expect(() => expectClose([3, 5], [3, 4], 0.1, 'features')).toThrow(
      'features: relative error 0.2, expected at most 0.1',
    );
  });

  test.each([
    ['NaN', [NaN], [1]],
    ['infinity where a number was expected', [Infinity], [1]],
    ['infinity on both sides', [Infinity], [Infinity]],
    ['another size', [1, 2], [1]],
    ['nothing', [], []],
  ])('refuses %s', (_, got, expected) => {
    expect(() => expectClose(got, expected, 1e9)).toThrow();
  });

  test('refuses the same values in another shape', () => {
    tf.tidy(() => {
      const [row, column] = [tf.ones([1, 2]), tf.ones([2, 1])];
      expect(() => expectClose(row, column, 1e-6)).toThrow();
      expect(() => expectClose(row, tf.ones([1, 2]), 1e-6)).not.toThrow();
    });
  });
});

describe('expectNoLeak', () => {
  test('passes on what a clean function gives', async () => {
    await expect(expectNoLeak(() => tf.tidy(() => tf.ones([2]).dataSync()[0]))).resolves.toBe(1);
    await expect(expectNoLeak(() => Promise.resolve('later'))).resolves.toBe('later');
  });

  test('fails on a tensor that stays, and on one that goes', async () => {
    let kept: tf.Tensor | undefined;
    await expect(expectNoLeak(() => void (kept = tf.ones([2])))).rejects.toThrow('moreTensors');
    await expect(expectNoLeak(() => kept?.dispose())).rejects.toThrow('moreTensors');
  });

  test('passes on an error, and says when tensors stay behind it', async () => {
    const failure = new Error('broken');
    const fail = () => Promise.reject(failure);
    await expect(expectNoLeak(fail)).rejects.toBe(failure);
    const kept: tf.Tensor[] = [];
    const leak = expectNoLeak(() => {
      kept.push(tf.ones([2]));
      return fail();
    });
    await expect(leak).rejects.toMatchObject({ cause: failure, message: /^1 more tensors/ });
    tf.dispose(kept);
  });
});
