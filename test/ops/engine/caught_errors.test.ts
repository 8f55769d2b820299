/** Losses that catch an error of this package's and go on with what they have. */
import * as tf from '@tensorflow/tfjs';

import { layers, recompute } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';

/** A block that computes something and then fails, as long as it is told to. */
class Fussy extends tf.layers.Layer {
  static className = 'FussyTestBlock';
  static failing = true;

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const y = tf.tanh((Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor);
    if (Fussy.failing) throw new Error('cannot use this sample');
    return y;
  }
}
tf.serialization.registerClass(Fussy, 'tfjs-revcol-tests');

type Attempt = (x: tf.Tensor) => tf.Tensor;

function backbone(backprop: 'reversible' | 'stored') {
  const layer = layers.revColBackbone({
    columns: 2,
    channels: [3, 3],
    depths: [1, 1],
    block: new Fussy({}),
    backprop,
  });
  Fussy.failing = false;
  tf.tidy(() => void layer.apply(tf.zeros([2, 3])));
  Fussy.failing = true;
  return layer;
}

/** Each fails after it has computed something. */
const ATTEMPTS: [string, Attempt][] = [
  ['recompute', recompute((x: tf.Tensor) => failing(tf.exp(x)))],
  ['nested recompute', recompute((x: tf.Tensor) => recompute(failing)(tf.exp(x)))],
  [
    'a second-order gradient',
    (x) => tf.grad((y: tf.Tensor) => recompute((z: tf.Tensor) => tf.square(z))(y))(x),
  ],
];

function failing(x: tf.Tensor): tf.Tensor {
  tf.tanh(x);
  throw new Error('cannot use this sample');
}

/** Gradient of the only weight. */
function gradientOf(loss: () => tf.Scalar, weights: tf.Variable[]): tf.Tensor {
  return tf.tidy(() => Object.values(tf.variableGrads(loss, weights).grads)[0] as tf.Tensor);
}

describeBackends('an error that the loss catches', () => {
  const W = [
    [1, -2, 0.5],
    [0.3, 1, -1],
    [2, 0, 1],
  ];
  const X = [
    [1, 0, 2],
    [0, -1, 1],
  ];

  async function check(attempt: Attempt): Promise<void> {
    const [w, x] = [tf.tidy(() => tf.variable(tf.tensor2d(W))), tf.tensor2d(X)];
    const caught: string[] = [];
    const run = (attempts: Attempt[]) =>
      gradientOf(() => {
        const h = tf.square(tf.matMul(x, w as tf.Tensor2D));
        for (const a of attempts) {
          try {
            a(tf.tanh(h));
          } catch (error) {
            caught.push(String(error));
          }
        }
        return tf.mean(tf.exp(tf.mul(h, 0.1)));
      }, [w]);
    const expected = tf.tidy(() => run([]).dataSync());
    await expectNoLeak(() => {
      const got = run([attempt, attempt]);
      expectClose(got, expected, 1e-6);
      got.dispose();
    });
    expect(caught.length).toBe(2);
    expect(caught[0]).toMatch(/cannot use this sample|second-order/);
    // Not caught, it leaves nothing behind; the step after is right.
    await expectNoLeak(() => {
      expect(() =>
        tf.variableGrads(() => {
          const h = tf.square(tf.matMul(x, w as tf.Tensor2D));
          return tf.mean(attempt(tf.tanh(h)));
        }, [w]),
      ).toThrow(/cannot use this sample|second-order/);
    });
    await expectNoLeak(() => {
      const got = run([]);
      expectClose(got, expected, 1e-6);
      got.dispose();
    });
    tf.dispose([w, x]);
  }

  test.each(ATTEMPTS)('of %s leaves the rest alone', async (_, attempt) => {
    await check(attempt);
  });

  test.each(['reversible', 'stored'] as const)(
    'of a backbone, %s, leaves the rest alone, inside checkpointed code, too',
    async (backprop) => {
      const layer = backbone(backprop);
      const apply: Attempt = (x) => layer.apply(x, { training: true }) as tf.Tensor;
      await check(apply);
      const w = tf.variable(tf.tensor2d(W));
      const x = tf.tensor2d(X);
      const tolerant = (u: tf.Tensor) => {
        const h = tf.square(tf.matMul(u as tf.Tensor2D, w as tf.Tensor2D));
        expect(() => apply(h)).toThrow('cannot use this sample');
        return tf.exp(tf.mul(h, 0.1));
      };
      await expectNoLeak(() =>
        tf.tidy(() => {
          const gradient = (wrap: (f: typeof tolerant) => typeof tolerant) =>
            tf.variableGrads(() => tf.sum(wrap(wrap(tolerant))(x)), [w]).grads[w.name] as tf.Tensor;
          expectClose(
            gradient(recompute),
            gradient((f) => f),
            1e-5,
          );
        }),
      );
      // Usable afterwards.
      Fussy.failing = false;
      tf.tidy(() => void tf.grad((u: tf.Tensor) => tf.sum(apply(u)))(x));
      Fussy.failing = true;
      layer.dispose();
      tf.dispose([w, x]);
    },
  );
});
