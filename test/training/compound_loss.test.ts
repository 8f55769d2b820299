import * as tf from '@tensorflow/tfjs';

import { AdamW, compoundLoss, createModel, trainingStep } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { describeGoldens } from '../support/goldens';
import { normalTensor } from '../support/training_step';
import { goldenExpected, goldenTensor } from '../weights/support/golden_model';
import { supervisedLoss } from '../weights/support/supervised_loss';

const PUBLISHED = { imageWeight: 3, classWeight: 0.7 };

/** Four classifiers' logits and three images, as the models put them out. */
function randomOutputs(classes: number): tf.Tensor[] {
  return [0, 1, 2, 3, 4, 5, 6].map((i) =>
    tf.mul(normalTensor(i < 4 ? [2, classes] : [2, 4, 4, 3], 10 + i), 2),
  );
}

describeGoldens('the compound loss of golden outputs', () => {
  describeBackends('', () => {
    test.each(['supervised', 'supervised_many_classes'] as const)('%s', (name) => {
      const golden = goldenExpected(name);
      tf.tidy(() => {
        const outputs = [0, 1, 2, 3]
          .map((i) => `logits.${i}`)
          .concat([0, 1, 2].map((i) => `image.${i}`))
          .map((key) => goldenTensor(golden, key));
        const loss = compoundLoss(PUBLISHED);
        const [target, image] = [goldenTensor(golden, 'target'), goldenTensor(golden, 'image01')];
        const expected = golden.tensors.get('loss')?.data as Float32Array;
        expectClose(loss(outputs, target, image), expected, 1e-6);
      });
    });
  });
});

describeBackends('compound loss', (backend) => {
  const classes = 5;
  const numbers = () => tf.tensor1d([3, 1], 'int32');
  const oneHot = () => tf.cast(tf.oneHot(numbers(), classes), 'float32');
  const image01 = () => tf.sigmoid(normalTensor([2, 4, 4, 3], 1));

  test('value and gradients are those of the composition, for all forms of labels', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const outputs = randomOutputs(classes);
        const images = image01();
        const run = (loss: (...list: tf.Tensor[]) => tf.Scalar) => tf.valueAndGrads(loss)(outputs);
        const expected = run((...list) => supervisedLoss(list, images, numbers()));
        for (const labels of [numbers(), tf.reshape(numbers(), [2, 1]), oneHot()]) {
          const got = run((...list) => compoundLoss(PUBLISHED)(list, labels, images));
          expectClose(got.value, expected.value, 1e-6);
          got.grads.forEach((g, i) => expectClose(g, expected.grads[i] as tf.Tensor, 1e-5, `${i}`));
        }
      }),
    );
  });

  test('the gradient is the slope of the value, with soft labels and smoothing', () => {
    tf.tidy(() => {
      const outputs = randomOutputs(classes);
      const directions = outputs.map(({ shape }, i) => normalTensor(shape, 50 + i));
      const soft = tf.softmax(normalTensor([2, classes], 3));
      const images = image01();
      const loss = (list: tf.Tensor[]) =>
        compoundLoss({ ...PUBLISHED, labelSmoothing: 0.1 })(list, soft, images);
      const at = (step: number) =>
        loss(outputs.map((x, i) => tf.add(x, tf.mul(directions[i] as tf.Tensor, step))));
      const slope = tf.div(tf.sub(at(1e-2), at(-1e-2)), 2e-2);
      const gradients = tf.grads((...list: tf.Tensor[]) => loss(list))(outputs);
      const along = gradients.map((g, i) => tf.sum(tf.mul(g, directions[i] as tf.Tensor)));
      expectClose(tf.addN(along), slope, 1e-3);
    });
  });

  test('mean and std bring normalised images back; the rest has no effect', () => {
    tf.tidy(() => {
      const outputs = randomOutputs(classes);
      const [mean, std] = [
        [0.4, 0.5, 0.6],
        [0.2, 0.3, 0.25],
      ] as const;
      const images = image01();
      const normalised = tf.div(tf.sub(images, mean as never), std as never);
      const expected = compoundLoss()(outputs, numbers(), images);
      expectClose(compoundLoss({ mean, std })(outputs, numbers(), normalised), expected, 1e-6);
      const bytes = tf.round(tf.mul(images, 255));
      const rounded = compoundLoss({ std: 1 / 255 })(outputs, numbers(), tf.cast(bytes, 'int32'));
      expectClose(rounded, compoundLoss()(outputs, numbers(), tf.div(bytes, 255)), 1e-6);
      // The published weights.
      expectClose(compoundLoss(PUBLISHED)(outputs, numbers(), images), expected, 0);
    });
  });

  // A step of the network; on cpu it takes long, and tells nothing more.
  const trains = backend === 'cpu' ? test.skip : test;

  trains(
    'fit, fitDataset and trainingStep take the same step; a model with one head, too',
    async () => {
      const size = {
        inputShape: [32, 32, 3] as [number, number, number],
        channels: [4, 4, 4, 4],
        depths: [1, 1, 1, 1],
        numClasses: classes,
      };
      for (const intermediateSupervision of [true, false]) {
        await expectNoLeak(async () => {
          const model = createModel('revcol_tiny', { ...size, intermediateSupervision });
          const start = model.getWeights().map((w) => tf.clone(w));
          const [x, labels] = [normalTensor([4, 32, 32, 3], 1), tf.oneHot([0, 3, 1, 4], classes)];
          const loss = compoundLoss({ labelSmoothing: 0.1, mean: 0.5, std: 0.2 });
          const stepped = async (step: (optimizer: tf.Optimizer) => Promise<number>) => {
            model.setWeights(start);
            // Its first step is the gradient over its own size: without this, rounding where the gradient is none.
            const optimizer = new AdamW({ learningRate: 1e-2, epsilon: 1e-3 });
            const value = await step(optimizer);
            optimizer.dispose();
            return [value, ...model.getWeights().flatMap((w) => [...w.dataSync()])];
          };
          const byHand = await stepped(async (optimizer) => {
            const value = trainingStep(model, optimizer, x, (y) => loss(y, labels, x));
            const [got] = await value.data();
            value.dispose();
            return got as number;
          });
          const byFit = await stepped(async (optimizer) => {
            model.compile({ optimizer, loss: loss.perOutput(model) });
            const y = loss.targets(model, labels, x);
            const { history } = await model.fit(x, y, { batchSize: 4, epochs: 1, verbose: 0 });
            return history['loss']?.[0] as number;
          });
          const byDataset = await stepped(async (optimizer) => {
            model.compile({ optimizer, loss: loss.perOutput(model) });
            const dataset = tf.data
              .array([[x, labels] as const].map(([image, label]) => ({ xs: image, ys: label })))
              .map((item) => {
                const { xs, ys } = item as { xs: tf.Tensor; ys: tf.Tensor };
                return { xs, ys: loss.targets(model, ys, xs) };
              });
            const history = await model.fitDataset(dataset as never, { epochs: 1, verbose: 0 });
            return history.history['loss']?.[0] as number;
          });
          expectClose(byFit, byHand, 1e-5);
          expectClose(byDataset, byFit, 1e-6);
          tf.dispose([start, x, labels]);
          model.dispose();
        });
      }
    },
  );

  test('class numbers become one-hot targets; everything else stays what it is', async () => {
    const model = createModel('revcol_tiny', {
      inputShape: [32, 32, 3],
      channels: [2, 2, 2, 2],
      depths: [1, 1, 1, 1],
      numClasses: classes,
      intermediateSupervision: true,
    });
    await expectNoLeak(() =>
      tf.tidy(() => {
        const images = tf.zeros([2, 32, 32, 3]);
        const loss = compoundLoss();
        const [labels, hot] = [numbers(), oneHot()];
        const targets = loss.targets(model, labels, images);
        expect(targets).toHaveLength(7);
        expect(targets.slice(4).every((t) => t === images)).toBe(true);
        expect(new Set(targets.slice(0, 4)).size).toBe(1);
        expectClose(targets[0] as tf.Tensor, hot, 0);
        expect(loss.targets(model, hot, images)[3]).toBe(hot);
        expect(() => loss.targets(model, tf.zeros([2, 4]), images)).toThrow(
          'compoundLoss: labels of',
        );
        expect(() => loss.targets(model, labels, undefined as never)).toThrow(
          'images is undefined; expected the images that went in',
        );
      }),
    );
    model.dispose();
  });

  test('outputs, options and shapes are refused, without leaks', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const outputs = randomOutputs(classes);
        const loss = compoundLoss();
        const [logits, image] = [outputs[0] as tf.Tensor, outputs[4] as tf.Tensor];
        for (const wrong of [[image], [logits, logits], [logits, image], [logits, image, image]]) {
          expect(() => loss(wrong, numbers(), image01())).toThrow(
            'expected logits [batch, classes], and images',
          );
        }
        expect(() => loss(outputs, numbers())).toThrow('images is undefined');
        expect(() => loss(outputs, numbers(), tf.zeros([2, 4, 5, 3]))).toThrow('the same shape');
        expect(() => compoundLoss({ imageWeight: -1 })).toThrow('imageWeight is -1');
        expect(() => compoundLoss({ std: [1, 0, 1] })).toThrow('std is [1, 0, 1]');
        expect(() => compoundLoss({ mean: [] })).toThrow('mean is []');
        expect(() => compoundLoss({ labelSmoothing: 1 })).toThrow('labelSmoothing is 1');
        expect(() => compoundLoss({ imageWeigth: 1 } as never)).toThrow(
          "did you mean 'imageWeight'?",
        );
      }),
    );
  });
});
