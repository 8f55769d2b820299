import * as tf from '@tensorflow/tfjs';

import { memoryPeak, tokenCrossEntropy, type TokenCrossEntropyOptions } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

/** The definition, with one-hot vectors, to be differentiated by tfjs. */
function reference(
  ids: tf.Tensor,
  logits: tf.Tensor,
  { labelSmoothing = 0, ignoreId = 0 }: TokenCrossEntropyOptions,
): tf.Scalar {
  const vocabulary = logits.shape.at(-1) as number;
  const hot = tf.oneHot(tf.cast(ids, 'int32'), vocabulary);
  const expected = tf.add(tf.mul(hot, 1 - labelSmoothing), labelSmoothing / vocabulary);
  const losses = tf.neg(tf.sum(tf.mul(expected, tf.logSoftmax(logits)), -1));
  const counts = ignoreId == null ? tf.onesLike(losses) : tf.notEqual(ids, ignoreId);
  const weights = tf.cast(counts, 'float32');
  return tf.div(tf.sum(tf.mul(losses, weights)), tf.sum(weights));
}

describeBackends('token cross entropy', (backend) => {
  // Ids are looked at where that costs nothing.
  const atOnce = ['webgl', 'webgpu'].includes(backend) ? test.skip : test;
  const cases: [string, TokenCrossEntropyOptions][] = [
    ['plain', {}],
    ['smoothed', { labelSmoothing: 0.1 }],
    ['every target counts', { labelSmoothing: 0.3, ignoreId: null }],
    ['another padding', { ignoreId: 4 }],
  ];

  test.each(cases)('%s: value and gradient are those of one-hot vectors', async (_, options) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const ids = tf.tensor2d([3, 0, 4, 4, 0, 1], [2, 3], 'int32');
        const logits = tf.mul(normalTensor([2, 3, 5], 1), 3);
        const run = (f: (x: tf.Tensor) => tf.Scalar) =>
          tf.valueAndGrad((x: tf.Tensor) => tf.mul(f(x), 2.5))(logits);
        const got = run((x) => tokenCrossEntropy(ids, x, options));
        const expected = run((x) => reference(ids, x, options));
        expectClose(got.value, expected.value, 1e-6);
        expectClose(got.grad, expected.grad, 1e-6);
      }),
    );
  });

  test('the gradient is the slope of the value', () => {
    tf.tidy(() => {
      const ids = tf.tensor1d([2, 1], 'int32');
      const logits = normalTensor([2, 4], 2);
      const loss = (x: tf.Tensor) => tokenCrossEntropy(ids, x, { labelSmoothing: 0.2 });
      const direction = normalTensor([2, 4], 3);
      const step = 1e-2;
      const ahead = loss(tf.add(logits, tf.mul(direction, step)));
      const behind = loss(tf.sub(logits, tf.mul(direction, step)));
      const slope = tf.div(tf.sub(ahead, behind), 2 * step);
      expectClose(tf.sum(tf.mul(tf.grad(loss)(logits), direction)), slope, 1e-3);
    });
  });

  test('ids may be float32; where nothing counts, loss and gradient are 0', () => {
    tf.tidy(() => {
      const logits = normalTensor([2, 4], 2);
      const whole = tokenCrossEntropy(tf.tensor1d([2, 1], 'int32'), logits);
      expectClose(tokenCrossEntropy(tf.tensor1d([2, 1]), logits), whole, 0);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        tokenCrossEntropy(tf.zeros([2], 'int32'), x),
      )(logits);
      expect(value.dataSync()[0]).toBe(0);
      expect(Math.max(...tf.abs(grad).dataSync())).toBe(0);
    });
  });

  atOnce('padding may be outside the vocabulary, other targets may not', async () => {
    const logits = normalTensor([4, 3], 2);
    const run = (ids: number[], options: TokenCrossEntropyOptions) =>
      tf.valueAndGrad((x: tf.Tensor) => tokenCrossEntropy(tf.tensor1d(ids), x, options))(logits);
    await expectNoLeak(() =>
      tf.tidy(() => {
        const expected = run([1, 0, 2, 0], { labelSmoothing: 0.1 });
        for (const ignoreId of [-100, -1, 3, 50_000]) {
          const got = run([1, ignoreId, 2, ignoreId], { ignoreId, labelSmoothing: 0.1 });
          expectClose(got.value, expected.value, 0, `value, padding ${ignoreId}`);
          expectClose(got.grad, expected.grad, 0, `gradient, padding ${ignoreId}`);
        }
      }),
    );
    for (const id of [-1, 3, 1e6, 1.5, NaN]) {
      await expectNoLeak(() =>
        expect(() => tf.tidy(() => run([1, id, 2, 0], {}))).toThrow(
          `a target is ${id}; expected integers from 0 to 2, or ignoreId 0`,
        ),
      );
    }
    logits.dispose();
  });

  test('where targets cannot be read at once, one outside makes NaN of loss and gradient', () => {
    tf.tidy(() => {
      const logits = normalTensor([3, 3], 2);
      tokenCrossEntropy(tf.tensor1d([1, 2, 0], 'int32'), logits);
      for (const id of [-1, 3, 7]) {
        const targets = tf.tensor1d([1, id, 0], 'int32');
        // What is behind the check that webgl and webgpu do without.
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor): tf.Scalar => {
          const attrs = { smoothing: 0, ignored: 0 };
          return tf.engine().runKernel('RevColTokenCrossEntropy', { logits: x, targets }, attrs);
        })(logits);
        expect(value.dataSync()[0]).toBeNaN();
        expect([...grad.dataSync()].some((g) => Number.isNaN(g))).toBe(true);
      }
    });
  });

  test('large logits neither overflow nor lose the loss', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([[900, -900, 901]]);
      const loss = tokenCrossEntropy(tf.tensor1d([0], 'int32'), logits, { ignoreId: null });
      expectClose(loss, [1 + Math.log1p(Math.exp(-1))], 1e-6);
    });
  });

  test('memory: fewer copies of the logits than with one-hot vectors', async () => {
    const [count, vocabulary] = [64, 500];
    const ids = tf.tidy(() => tf.cast(tf.range(1, count + 1), 'int32'));
    const logits = normalTensor([count, vocabulary], 1);
    const copies = async (f: (x: tf.Tensor) => tf.Scalar) => {
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(() =>
        tf.tidy(() => tf.grad(f)(logits).dataSync().length),
      );
      return (peakBytes - before) / (4 * count * vocabulary);
    };
    const own = await copies((x) => tokenCrossEntropy(ids, x, { labelSmoothing: 0.1 }));
    const other = await copies((x) => reference(ids, x, { labelSmoothing: 0.1 }));
    // Two at a time, and two views that tfjs counts as well.
    expect(own).toBeLessThan(4.1);
    expect(other).toBeGreaterThan(6);
    tf.dispose([ids, logits]);
  });

  test('shapes and options are checked', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const logits = tf.zeros([2, 3, 5]);
        const ids = tf.zeros([2, 3], 'int32');
        expect(() => tokenCrossEntropy(tf.zeros([2, 4], 'int32'), logits)).toThrow(
          'targets of shape [2, 4] for logits of shape [2, 3, 5]',
        );
        expect(() => tokenCrossEntropy(ids, logits, { labelSmoothing: 1 })).toThrow(
          'expected a number in [0, 1)',
        );
      }),
    );
  });

  atOnce('a target refused inside a gradient leaves nothing behind', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const ids = tf.tensor1d([3, 0], 'int32');
        const weight = tf.variable(tf.ones([2, 3]));
        const loss = () => tokenCrossEntropy(ids, tf.mul(weight, 2));
        expect(() => tf.variableGrads(loss, [weight])).toThrow('a target is 3');
        weight.dispose();
      }),
    );
  });

  test('the largest integer can be the ignored one', () => {
    tf.tidy(() => {
      const ignoreId = 2147483647;
      const logits = normalTensor([3, 4], 1);
      const got = tokenCrossEntropy(tf.tensor1d([ignoreId, 1, 2], 'int32'), logits, { ignoreId });
      const rest = tf.slice(logits, [1, 0], [2, 4]);
      expectClose(got, reference(tf.tensor1d([1, 2], 'int32'), rest, {}), 1e-6);
    });
  });
});
