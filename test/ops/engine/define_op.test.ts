import * as tf from '@tensorflow/tfjs';

import { defineOp } from '../../../src/ops/engine/define_op';
import { free, only } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';

/** `factor x^2 + offset`; the offset has no gradient. */
const parabola = defineOp({
  name: 'RevColTestParabola',
  inputs: ['x', 'factor', 'offset'],
  forward: ({ x, factor, offset }, { scale }: { scale: number }) =>
    tf.add(tf.mul(tf.mul(factor, tf.square(x)), scale), offset),
  backward: (dy, { x, factor }, { scale }) => ({
    x: () => tf.mul(dy, tf.mul(tf.mul(factor, x), 2 * scale)),
    factor: () => tf.mul(dy, tf.mul(tf.square(x), scale)),
    offset: null,
  }),
});

const twice = defineOp({
  name: 'RevColTestTwice',
  inputs: ['x'],
  forward: ({ x }) => tf.mul(x, 2),
  backward: (dy) => ({ x: () => tf.mul(dy, 2) }),
});

describeBackends('an operation', () => {
  const tensors = () => [tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6]), tf.tensor1d([7, 8, 9])];

  test('takes tensors by name in any order, and gives each its own gradient', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [x, factor, offset] = tensors() as [tf.Tensor, tf.Tensor, tf.Tensor];
        const run = (a: tf.Tensor, b: tf.Tensor) =>
          parabola({ offset, factor: b, x: a }, { scale: 0.5 });
        expectClose(run(x, factor), [9, 18, 36], 1e-6);
        const [dx, dFactor] = tf.grads(run)([x, factor]) as [tf.Tensor, tf.Tensor];
        expectClose(dx, [4, 10, 18], 1e-6);
        expectClose(dFactor, [0.5, 2, 4.5], 1e-6);
      }),
    );
  });

  test('without attributes is called without', async () => {
    await expectNoLeak(() => tf.tidy(() => expectClose(twice({ x: tf.scalar(3) }), [6], 1e-6)));
  });

  test('has no gradient where its definition says null', async () => {
    const [x, factor, offset] = tensors() as [tf.Tensor, tf.Tensor, tf.Tensor];
    await expectNoLeak(() => {
      const slope = tf.grad((o) => parabola({ x, factor, offset: o }, { scale: 1 }));
      expect(() => tf.tidy(() => slope(offset))).toThrow(
        'RevColTestParabola: offset has no gradient',
      );
    });
    free(x, factor, offset);
  });

  test('refuses second-order gradients', async () => {
    await expectNoLeak(() => {
      const slope = tf.grad((x) => tf.sum(twice({ x })));
      expect(() => tf.tidy(() => tf.grad(slope)(tf.scalar(1)))).toThrow(
        'RevColTestTwice: second-order gradients are not supported',
      );
    });
  });
});

test('names are checked by the compiler', () => {
  const x = tf.scalar(1);
  const wrong = [
    // @ts-expect-error: factor and offset are missing
    () => parabola({ x }, { scale: 1 }),
    // @ts-expect-error: the attributes are missing
    () => parabola({ x, factor: x, offset: x }),
    // @ts-expect-error: it has no attributes
    () => twice({ x }, { scale: 1 }),
    () =>
      defineOp({
        name: 'RevColTestWrong',
        inputs: ['x'],
        forward: ({ x: input }) => tf.clone(input),
        // @ts-expect-error: the gradient of x is missing
        backward: (dy) => ({ y: () => tf.clone(dy) }),
      }),
  ];
  expect(wrong).toHaveLength(4);
  free(x);
});

test('only() takes lists of one', () => {
  const x = tf.scalar(1);
  expect(only([x])).toBe(x);
  expect(() => only([])).toThrow('0 tensors given to a function of one');
  expect(() => only([x, x])).toThrow('2 tensors given to a function of one');
  free(x);
});
