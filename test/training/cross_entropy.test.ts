import * as tf from '@tensorflow/tfjs';

import {
  sigmoidCrossEntropy,
  sigmoidCrossEntropyLoss,
  softmaxCrossEntropy,
  softmaxCrossEntropyLoss,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

type Loss = (labels: tf.Tensor, logits: tf.Tensor) => tf.Scalar;

/** The definition, to be differentiated by tfjs. */
function softmaxReference(
  probabilities: tf.Tensor,
  smoothing: number,
): (x: tf.Tensor) => tf.Scalar {
  const classes = probabilities.shape[1] as number;
  const q = tf.add(tf.mul(probabilities, 1 - smoothing), smoothing / classes);
  return (x) => tf.mean<tf.Scalar>(tf.neg(tf.sum(tf.mul(q, tf.logSoftmax(x)), -1)));
}

function sigmoidReference(
  probabilities: tf.Tensor,
  smoothing: number,
): (x: tf.Tensor) => tf.Scalar {
  const q = tf.add(tf.mul(probabilities, 1 - smoothing), smoothing / 2);
  return (x) => {
    const p = tf.sigmoid(x);
    const both = tf.add(tf.mul(q, tf.log(p)), tf.mul(tf.sub(1, q), tf.log(tf.sub(1, p))));
    return tf.neg(tf.mean(both)) as tf.Scalar;
  };
}

describeBackends('cross entropy from logits', (backend) => {
  // Labels are looked at where that costs nothing.
  const atOnce = ['webgl', 'webgpu'].includes(backend) ? test.skip : test;
  const ids = [3, 0, 4, 1];

  /** Labels in every form that they may have, and what they are as probabilities. */
  const forms: [string, () => tf.Tensor, () => tf.Tensor][] = [
    [
      'class numbers',
      () => tf.tensor1d(ids, 'int32'),
      () => tf.oneHot(tf.tensor1d(ids, 'int32'), 5),
    ],
    [
      'a column of float32',
      () => tf.tensor2d(ids, [4, 1]),
      () => tf.oneHot(tf.tensor1d(ids, 'int32'), 5),
    ],
    [
      'one-hot int32',
      () => tf.oneHot(tf.tensor1d(ids, 'int32'), 5),
      () => tf.oneHot(tf.tensor1d(ids, 'int32'), 5),
    ],
    ['soft', () => tf.softmax(normalTensor([4, 5], 9)), () => tf.softmax(normalTensor([4, 5], 9))],
  ];

  test.each(forms)(
    'softmax, %s: value and gradient are those of the definition',
    async (_, labels, soft) => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const logits = tf.mul(normalTensor([4, 5], 1), 3);
          for (const labelSmoothing of [0, 0.1]) {
            const run = (f: (x: tf.Tensor) => tf.Scalar) =>
              tf.valueAndGrad((x: tf.Tensor) => tf.mul(f(x), 2.5))(logits);
            const got = run((x) => softmaxCrossEntropy(labels(), x, { labelSmoothing }));
            const expected = run(softmaxReference(tf.cast(soft(), 'float32'), labelSmoothing));
            expectClose(got.value, expected.value, 1e-6);
            expectClose(got.grad, expected.grad, 1e-6);
          }
        }),
      );
    },
  );

  test('sigmoid: value and gradient are those of the definition, for any shape', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        for (const shape of [[6], [3, 2], [2, 3, 1, 2]]) {
          const logits = tf.mul(normalTensor(shape, 1), 2);
          const labels = tf.sigmoid(normalTensor(shape, 2));
          for (const labelSmoothing of [0, 0.2]) {
            const run = (f: (x: tf.Tensor) => tf.Scalar) =>
              tf.valueAndGrad((x: tf.Tensor) => tf.mul(f(x), 2.5))(logits);
            const got = run((x) => sigmoidCrossEntropy(labels, x, { labelSmoothing }));
            const expected = run(sigmoidReference(labels, labelSmoothing));
            expectClose(got.value, expected.value, 2e-6);
            expectClose(got.grad, expected.grad, 2e-6);
          }
        }
      }),
    );
  });

  const both: [string, Loss, () => tf.Tensor][] = [
    [
      'softmax',
      (y, x) => softmaxCrossEntropy(y, x, { labelSmoothing: 0.2 }),
      () => tf.tensor1d([2, 1, 0], 'int32'),
    ],
    ['sigmoid', (y, x) => sigmoidCrossEntropy(y, x), () => tf.sigmoid(normalTensor([3, 4], 7))],
  ];

  test.each(both)('%s: the gradient is the slope of the value', (_, loss, labels) => {
    tf.tidy(() => {
      const [logits, direction] = [normalTensor([3, 4], 2), normalTensor([3, 4], 3)];
      const y = labels();
      const at = (step: number) => loss(y, tf.add(logits, tf.mul(direction, step)));
      const slope = tf.div(tf.sub(at(1e-2), at(-1e-2)), 2e-2);
      const gradient = tf.grad((x: tf.Tensor) => loss(y, x))(logits);
      expectClose(tf.sum(tf.mul(gradient, direction)), slope, 1e-3);
    });
  });

  test('logits of any size neither overflow nor lose loss or gradient', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([[1e4, -1e4, 9999]]);
      const softmax = tf.valueAndGrad((x: tf.Tensor) =>
        softmaxCrossEntropy(tf.tensor1d([1], 'int32'), x),
      );
      const wrong = softmax(logits);
      expectClose(wrong.value, [2e4 + Math.log1p(Math.exp(-1))], 1e-6);
      const p = 1 / (1 + Math.exp(-1));
      expectClose(wrong.grad, [p, -1, 1 - p], 1e-5);
      const sigmoid = tf.valueAndGrad((x: tf.Tensor) =>
        sigmoidCrossEntropy(tf.tensor2d([[0, 0, 1]]), x),
      )(logits);
      expectClose(sigmoid.value, [1e4 / 3], 1e-6);
      expectClose(sigmoid.grad, [1 / 3, 0, 0], 1e-6);
    });
  });

  test('one class loses nothing', () => {
    tf.tidy(() => {
      const loss = softmaxCrossEntropy(tf.tensor1d([0, 0], 'int32'), tf.tensor2d([[3], [-2]]));
      expect(loss.dataSync()[0]).toBe(0);
    });
  });

  test('a logit of -Infinity, as a mask makes it, counts where it is expected only', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([[1, -Infinity, 2]]);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        softmaxCrossEntropy(tf.tensor1d([2], 'int32'), x),
      )(logits);
      expectClose(value, [Math.log1p(Math.exp(-1))], 1e-6);
      const p = 1 / (1 + Math.exp(1));
      expectClose(grad, [p, 0, -p], 1e-6);
    });
  });

  test('infinite logits are the probabilities 0 and 1 of sigmoid', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const run = (logits: number[], labels: number[], labelSmoothing = 0) =>
          tf.valueAndGrad((x: tf.Tensor) =>
            sigmoidCrossEntropy(tf.tensor2d([labels]), x, { labelSmoothing }),
          )(tf.tensor2d([logits]));
        const right = run([Infinity, -Infinity, 0], [1, 0, 1]);
        expectClose(right.value, [Math.log(2) / 3], 1e-6);
        expectClose(right.grad, [0, 0, -1 / 6], 1e-6);
        for (const [logit, label, smoothing, slope] of [
          [Infinity, 0, 0, 1],
          [-Infinity, 1, 0, -1],
          [Infinity, 1, 0.2, 0.1],
          [-Infinity, 0.25, 0, -0.25],
        ] as const) {
          const wrong = run([logit], [label], smoothing);
          expect([...wrong.value.dataSync()]).toEqual([Infinity]);
          expectClose(wrong.grad, [slope], 1e-6);
        }
        // What is no number stays none.
        for (const label of [0, 1]) expect(run([NaN], [label]).value.dataSync()[0]).toBeNaN();
        expect(run([1], [NaN]).value.dataSync()[0]).toBeNaN();
      }),
    );
  });

  test('softmax: an expected logit of -Infinity is an infinite loss, one of +Infinity shows as NaN', () => {
    tf.tidy(() => {
      const value = (logits: number[], id: number) =>
        softmaxCrossEntropy(tf.tensor1d([id], 'int32'), tf.tensor2d([logits])).dataSync()[0];
      expect(value([1, -Infinity, 2], 1)).toBe(Infinity);
      for (const id of [0, 1]) expect(value([Infinity, 0, 1], id)).toBeNaN();
      expect(value([-Infinity, -Infinity, -Infinity], 0)).toBeNaN();
    });
  });

  test('for compile: the loss of each example, times its weight', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const logits = normalTensor([4, 5], 1);
        const labels = tf.oneHot(tf.tensor1d(ids, 'int32'), 5);
        const options = { labelSmoothing: 0.1 };
        const each = softmaxCrossEntropyLoss({ ...options, weight: 0.5 })(labels, logits);
        expect(each.shape).toEqual([4]);
        const mean = softmaxCrossEntropy(labels, logits, options);
        expectClose(tf.mean(each), tf.mul(mean, 0.5), 1e-6);
        const independent = sigmoidCrossEntropyLoss()(labels, logits);
        expect(independent.shape).toEqual([4]);
        expectClose(tf.mean(independent), sigmoidCrossEntropy(labels, logits), 1e-6);
      }),
    );
  });

  atOnce('class numbers out of range are refused, in a gradient without leaks', async () => {
    for (const id of [-1, 5, 1.5, NaN]) {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const labels = tf.tensor1d([1, id]);
          const run = tf.grad((x: tf.Tensor) => softmaxCrossEntropy(labels, tf.mul(x, 2)));
          expect(() => run(normalTensor([2, 5], 1))).toThrow(
            `softmaxCrossEntropy: a label is ${id}; expected integers from 0 to 4`,
          );
        }),
      );
    }
  });

  test('shapes and options are refused', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const logits = tf.zeros([2, 3]);
        for (const shape of [[3], [2, 2], [3, 2], [2, 3, 1]]) {
          expect(() => softmaxCrossEntropy(tf.zeros(shape), logits)).toThrow(
            /labels of shape \[.*\] for logits of shape \[2, 3\]; expected logits \[batch, classes\]/,
          );
          expect(() => sigmoidCrossEntropy(tf.zeros(shape), logits)).toThrow(
            'expected the same shape',
          );
        }
        expect(() => softmaxCrossEntropy(tf.zeros([2]), tf.zeros([2]))).toThrow(
          'for logits of shape [2]',
        );
        expect(() => softmaxCrossEntropy(tf.zeros([2]), logits, { labelSmoothing: 1 })).toThrow(
          'labelSmoothing is 1; expected a number in [0, 1)',
        );
        expect(() => softmaxCrossEntropyLoss({ weight: -1 })).toThrow(
          'softmaxCrossEntropyLoss: weight is -1; expected a number from 0',
        );
        expect(() => sigmoidCrossEntropyLoss({ smoothing: 0.1 } as never)).toThrow(
          /there is no option 'smoothing'/,
        );
      }),
    );
  });
});
