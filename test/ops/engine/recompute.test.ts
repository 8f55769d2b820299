/** `recompute`: values, gradients, state, structures, memory and failures. */
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

  test('differentiates computed tensors from outside, also when they are freed by then', async () => {
    const x = normalTensor([3], 1);
    await expectNoLeak(() =>
      tf.tidy(() => {
        const loss = (wrap: typeof recompute) => () => {
          const [computed, mask] = [tf.tanh(x), tf.tensor1d([1, 0, 2])];
          const fn = wrap((a: tf.Tensor) => tf.mul(tf.mul(a, computed), mask));
          return tf.sin(fn(computed));
        };
        const [got] = gradients(loss(recompute), [x]);
        const [expected] = gradients(
          loss((fn) => fn),
          [x],
        );
        expectClose(got as tf.Tensor, expected as tf.Tensor, 1e-6);
      }),
    );
    expect(x.isDisposed).toBe(false);
    x.dispose();
  });

  test('takes and gives arrays and records, and passes on what is no tensor', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const w = tf.variable(normalTensor([4, 2], 1));
        const x = normalTensor([3, 4], 2);
        const ids = tf.tensor1d([2, 0], 'int32');
        const rate = { of: 3 };
        class Settings {
          readonly steps = 2;
        }
        const settings = new Settings();
        const fn = recompute(
          (
            { rows, skip }: { rows: tf.Tensor[]; skip: null },
            options: { ids: tf.Tensor1D; rate: { of: number }; settings: Settings },
            list: number[],
          ) => {
            const h = tf.tanh(rows[0] as tf.Tensor);
            return {
              skip,
              rate: options.rate.of,
              settings: options.settings,
              list,
              h,
              deep: [{ narrow: tf.matMul(h as tf.Tensor2D, w as tf.Tensor2D) }, undefined],
              rows: tf.gather(rows[0] as tf.Tensor, options.ids),
              ids: options.ids,
            };
          },
        );
        let shapes: unknown;
        const [dx, dw] = gradients(() => {
          const result = fn({ rows: [x], skip: null }, { ids, rate, settings }, [1, 2]);
          const [deep, hole] = result.deep;
          shapes = [result.h.shape, deep?.narrow.shape, result.rows.shape, hole];
          expect([result.skip, result.rate, result.list]).toEqual([null, 3, [1, 2]]);
          expect(result.settings).toBe(settings);
          expect([...result.ids.dataSync()]).toEqual([2, 0]);
          return tf.addN([
            tf.sum(result.h),
            tf.sum(tf.square(deep?.narrow as tf.Tensor)),
            tf.sum(tf.mul(result.rows, 3)),
          ]);
        }, [x, w]);
        expect(shapes).toEqual([[3, 4], [3, 2], [2, 4], undefined]);
        const [expectedX, expectedW] = gradients(() => {
          const h = tf.tanh(x);
          return tf.addN([
            tf.sum(h),
            tf.sum(tf.square(tf.matMul(h as tf.Tensor2D, w as tf.Tensor2D))),
            tf.sum(tf.mul(tf.gather(x, ids), 3)),
          ]);
        }, [x, w]);
        expectClose(dx as tf.Tensor, expectedX as tf.Tensor, 1e-6);
        expectClose(dw as tf.Tensor, expectedW as tf.Tensor, 1e-6);
        w.dispose();
      }),
    );
  });

  test('leaves alone what it was given, the gradient of its output included', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [x, dy] = [normalTensor([3], 1), normalTensor([3], 2)];
        for (const op of ['tanh', 'sigmoid', 'exp', 'softmax', 'elu'] as const) {
          const got = tf.grad(recompute((a: tf.Tensor) => tf[op](a)))(x, dy);
          expectClose(got, tf.grad((a: tf.Tensor) => tf[op](a))(x, dy), 1e-6, op);
        }
        expect([x.isDisposed, dy.isDisposed]).toEqual([false, false]);
      }),
    );
  });

  test('gives the gradient of a variable that is not trainable to who asks for it', () => {
    tf.tidy(() => {
      const v = tf.variable(normalTensor([3], 1), false);
      const fn = recompute((a: tf.Tensor) => tf.mul(a, tf.square(v)));
      const [dv] = gradients(() => fn(tf.ones([3])), [v]);
      expectClose(dv as tf.Tensor, tf.mul(v, 2), 1e-6);
      v.dispose();
    });
  });

  test('lets variables move once, and differentiates with what they held', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([4], 1);
        const [read, moved] = [tf.variable(tf.scalar(2), false), tf.variable(tf.scalar(3), false)];
        const fn = recompute((a: tf.Tensor) => {
          moved.assign(tf.mul(moved, 2) as tf.Scalar);
          return tf.mul(tf.square(a), tf.mul(read, moved));
        });
        const [dx] = gradients(() => {
          const twice = tf.add(fn(x), fn(x));
          read.assign(tf.scalar(100));
          return twice;
        }, [x]);
        expectClose(dx as tf.Tensor, tf.mul(x, 2 * 2 * (6 + 12)), 1e-6);
        expect([read.dataSync()[0], moved.dataSync()[0]]).toEqual([100, 12]);
        read.dispose();
        moved.dispose();
      }),
    );
  });

  test('refuses promises, tensors in instances, second order, and functions that change', async () => {
    const x = normalTensor([3], 1);
    const attempt = (f: () => tf.Tensor) => () => tf.tidy(() => void gradients(f, [x]));
    class Pair {
      constructor(readonly first: tf.Tensor) {}
    }
    await expectNoLeak(() => {
      const late = recompute((a: tf.Tensor) => [Promise.resolve(tf.keep(a))]);
      expect(attempt(() => late(x) as unknown as tf.Tensor)).toThrow('fn returned a promise');
      const pair = recompute((a: tf.Tensor) => new Pair(tf.square(a)));
      expect(attempt(() => pair(x).first)).toThrow(
        'fn returned an instance of Pair that holds tensors',
      );
      let calls = 0;
      const changing = recompute((a: tf.Tensor) => (calls++ === 0 ? [a] : [a, a, tf.square(a)]));
      expect(attempt(() => changing(x)[0] as tf.Tensor)).toThrow(
        'fn gave 2 tensors in the backward pass after 1',
      );
      const square = recompute((a: tf.Tensor) => tf.square(a));
      const first = (a: tf.Tensor) => tf.grad((b: tf.Tensor) => tf.sum(square(b)))(a);
      expect(attempt(() => first(x))).toThrow('second-order gradients are not supported');
    });
    x.dispose();
  });
});
