import * as tf from '@tensorflow/tfjs';

import { trainingStep } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

describeBackends('training step', () => {
  let model: tf.LayersModel;
  let x: tf.Tensor;
  beforeEach(() => {
    model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] });
    x = normalTensor([5, 4], 1);
  });
  afterEach(() => {
    model.dispose();
    x.dispose();
  });
  const loss = (y: tf.Tensor | tf.Tensor[]) => tf.sum(tf.square(y as tf.Tensor)) as tf.Scalar;
  const kernel = () => tf.clone(model.weights[0]?.read() as tf.Tensor);

  test('goes down the gradient; shortens it when it is longer than clipNorm', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const moved = (clipNorm?: number) => {
          const before = kernel();
          const sgd = tf.train.sgd(0.01);
          const value = trainingStep(model, sgd, x, loss, { clipNorm });
          sgd.dispose();
          const change = tf.sub(kernel(), before);
          model.weights[0]?.write(before);
          model.weights[1]?.write(tf.zeros([3]));
          return { value, change };
        };
        // d sum (x W)^2 / dW = 2 x^T x W, and 2 sum(x W) for the bias.
        const y = tf.matMul(x as tf.Tensor2D, kernel() as tf.Tensor2D);
        const dKernel = tf.mul(tf.matMul(x as tf.Tensor2D, y, true), 2);
        const norm = tf.sqrt(
          tf.add(tf.sum(tf.square(dKernel)), tf.sum(tf.square(tf.mul(tf.sum(y, 0), 2)))),
        );
        const free = moved();
        expectClose(free.value, tf.sum(tf.square(y)), 1e-5);
        expectClose(free.change, tf.mul(dKernel, -0.01), 1e-4);
        const clipped = moved(0.5);
        expectClose(clipped.change, tf.div(tf.mul(dKernel, -0.005), norm), 1e-4);
        expectClose(moved(1e6).change, free.change, 1e-5);
      }),
    );
  });

  test('frozen weights stay; failures leave nothing behind', async () => {
    const sgd = tf.train.sgd(0.01);
    await expect(
      expectNoLeak(() =>
        trainingStep(model, sgd, x, (y) => {
          loss(y);
          throw new Error('no loss');
        }),
      ),
    ).rejects.toThrow('no loss');
    await expectNoLeak(() => {
      expect(() => trainingStep(model, sgd, x, loss, { clipNorm: 0 })).toThrow('clipNorm is 0');
      model.trainable = false;
      expect(() => trainingStep(model, sgd, x, loss)).toThrow('no trainable weight');
    });
    sgd.dispose();
  });
});
