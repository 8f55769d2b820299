import * as tf from '@tensorflow/tfjs';

import { memoryPeak, recompute } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';

/** Gradients of `f` with respect to tensors or variables, in a tidy of the caller's. */
function gradients(f: () => tf.Tensor, xs: tf.Tensor[]): tf.Tensor[] {
  return tf.engine().gradients(() => tf.sum(f()), xs).grads as unknown as tf.Tensor[];
}

function layer(w: tf.Tensor) {
  return (x: tf.Tensor) => tf.tanh(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D));
}

describeBackends('recompute', () => {
  test('has the value and the gradients of the plain function', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const w = tf.variable(normalTensor([4, 4], 1));
        const [x, y] = [normalTensor([3, 4], 2), normalTensor([3, 4], 3)];
        const fn = (a: tf.Tensor, b: tf.Tensor) => tf.mul(layer(w)(tf.mul(a, b)), tf.square(b));
        const checkpointed = recompute(fn);
        expectClose(checkpointed(x, y), fn(x, y), 1e-6);
        const plain = gradients(() => tf.square(fn(x, y)), [x, y, w]);
        const got = gradients(() => tf.square(checkpointed(x, y)), [x, y, w]);
        got.forEach((g, i) => expectClose(g, plain[i] as tf.Tensor, 1e-5, `gradient ${i}`));
        w.dispose();
      }),
    );
  });

  test('tells one tensor given twice apart, and passes an argument through', () => {
    tf.tidy(() => {
      const x = normalTensor([3], 1);
      const product = recompute((a: tf.Tensor, b: tf.Tensor) => tf.mul(a, b));
      const [square] = gradients(() => product(x, x), [x]);
      expectClose(square as tf.Tensor, tf.mul(x, 2), 1e-6);
      const identity = recompute((a: tf.Tensor) => a);
      const [two] = gradients(() => tf.mul(identity(x), 2), [x]);
      expectClose(two as tf.Tensor, tf.fill([3], 2), 1e-6);
    });
  });

  test('differentiates tensors from outside that are inputs, and leaves out unused arguments', () => {
    tf.tidy(() => {
      const [x, outside, unused] = [1, 2, 3].map((seed) => normalTensor([4], seed)) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const fn = recompute((a: tf.Tensor, _: tf.Tensor) => tf.mul(a, outside));
      const [dx, dOutside, dUnused] = gradients(() => fn(x, unused), [x, outside, unused]);
      expectClose(dx as tf.Tensor, outside, 1e-6);
      expectClose(dOutside as tf.Tensor, x, 1e-6);
      expectClose(dUnused as tf.Tensor, tf.zeros([4]), 0);
    });
  });

  test('repeats its random numbers, and draws others in the next call', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.ones([200]);
        const dropped = recompute((a: tf.Tensor) => tf.dropout(tf.square(a), 0.5));
        let value: tf.Tensor | undefined;
        const once = () => {
          const [gradient] = gradients(() => (value = tf.keep(dropped(x))), [x]);
          const output = value as tf.Tensor;
          // d(x^2 mask) = 2 x mask: zero exactly where the output is.
          expectClose(gradient as tf.Tensor, tf.mul(output, 2), 1e-6);
          const values = [...output.dataSync()];
          output.dispose();
          return values;
        };
        const [first, second] = [once(), once()];
        expect(new Set(first)).toEqual(new Set([0, 2]));
        expect(second).not.toEqual(first);
      }),
    );
  });

  test('can be nested', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [w1, w2] = [
          tf.variable(normalTensor([4, 4], 1)),
          tf.variable(normalTensor([4, 4], 2)),
        ];
        const x = normalTensor([3, 4], 3);
        const plain = (a: tf.Tensor) => layer(w2)(layer(w1)(a));
        const inner = recompute(layer(w1));
        const outer = recompute((a: tf.Tensor) => layer(w2)(inner(a)));
        const expected = gradients(() => tf.square(plain(x)), [x, w1, w2]);
        const got = gradients(() => tf.square(outer(x)), [x, w1, w2]);
        got.forEach((g, i) => expectClose(g, expected[i] as tf.Tensor, 1e-5));
        w1.dispose();
        w2.dispose();
      }),
    );
  });

  test('keeps less than the plain function', async () => {
    const w = tf.tidy(() => tf.variable(normalTensor([8, 8], 1)));
    const x = normalTensor([256, 8], 2);
    const deep = (a: tf.Tensor) => {
      let y = a;
      for (let i = 0; i < 8; i++) y = layer(w)(y);
      return y;
    };
    const checkpointed = recompute(deep);
    const chain = (f: (a: tf.Tensor) => tf.Tensor) => (a: tf.Tensor) => f(f(f(f(a))));
    const peak = async (f: (a: tf.Tensor) => tf.Tensor) => {
      const before = tf.memory().numBytes;
      const run = () => tf.tidy(() => void gradients(() => chain(f)(x), [w]));
      return (await memoryPeak(run)).peakBytes - before;
    };
    const [plain, less] = [await peak(deep), await peak(checkpointed)];
    expect(less).toBeLessThan(0.6 * plain);
    w.dispose();
    x.dispose();
  });

  test('runs once and keeps nothing where no gradient is wanted', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        let calls = 0;
        const fn = recompute((a: tf.Tensor) => {
          calls++;
          return tf.square(a);
        });
        fn(tf.ones([2]));
        expect(calls).toBe(1);
      }),
    );
  });

  test.each([1, 2])('a function that throws in run %d leaks nothing', async (failing) => {
    const [x, w] = [normalTensor([3, 4], 1), tf.tidy(() => tf.variable(normalTensor([4, 4], 2)))];
    let calls = 0;
    const fn = recompute((a: tf.Tensor) => {
      const y = layer(w)(a);
      if (++calls === failing) throw new Error('broke');
      return tf.square(y);
    });
    await expectNoLeak(() => {
      expect(() => tf.tidy(() => void gradients(() => fn(tf.square(x)), [x, w]))).toThrow('broke');
    });
    x.dispose();
    w.dispose();
  });

  test('refuses what would lose a gradient, several results, and second order', async () => {
    const x = normalTensor([3], 1);
    const attempt = (f: () => tf.Tensor) => () => tf.tidy(() => void gradients(f, [x]));
    await expectNoLeak(() => {
      expect(
        attempt(() => {
          const computed = tf.square(x);
          return recompute((a: tf.Tensor) => tf.mul(a, computed))(x);
        }),
      ).toThrow('reads a computed tensor of shape [3] from outside');
      const two = recompute((a: tf.Tensor) => [a, a] as unknown as tf.Tensor);
      expect(attempt(() => two(x))).toThrow('fn must return one tensor');
      const square = recompute((a: tf.Tensor) => tf.square(a));
      const first = (a: tf.Tensor) => tf.grad((b: tf.Tensor) => tf.sum(square(b)))(a);
      expect(attempt(() => first(x))).toThrow('second-order gradients are not supported');
    });
    x.dispose();
  });
});
