import * as tf from '@tensorflow/tfjs';

import { accumulatedStep, AdamW, trainingStep } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak, readsAtOnce } from '../support/backends';
import { normalTensor } from '../support/training_step';

describeBackends('training step', (backend) => {
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

  test('is the step of model.fit: regularizers count, of shared layers and in inner models', async () => {
    const l2 = (rate: number) => tf.regularizers.l2({ l2: rate });
    const make = () => {
      const inner = tf.sequential({
        layers: [
          tf.layers.dense({ units: 4, inputShape: [4], kernelRegularizer: l2(0.1) }),
          tf.layers.dense({ units: 4, biasRegularizer: tf.regularizers.l1({ l1: 0.2 }) }),
        ],
      });
      const inputs = tf.input({ shape: [4] });
      const hidden = inner.apply(inner.apply(inputs)) as tf.SymbolicTensor;
      const head = tf.layers.dense({ units: 3, kernelRegularizer: l2(0.3) });
      return tf.model({ inputs, outputs: head.apply(hidden) as tf.SymbolicTensor });
    };
    const [own, fitted] = [make(), make()];
    fitted.setWeights(own.getWeights());
    const y = normalTensor([5, 3], 2);
    const [first, second] = [tf.train.sgd(0.05), tf.train.sgd(0.05)];
    fitted.compile({ optimizer: second, loss: 'meanSquaredError' });
    const mse = (out: tf.Tensor | tf.Tensor[]) =>
      tf.losses.meanSquaredError(y, out as tf.Tensor) as tf.Scalar;
    for (let i = 0; i < 2; i++) {
      const expected = (await fitted.trainOnBatch(x, y)) as number;
      await expectNoLeak(() => {
        const got = trainingStep(own, first, x, mse);
        expectClose(got, [expected], 1e-5, 'loss');
        got.dispose();
      });
    }
    own.weights.forEach((w, i) => {
      const other = fitted.weights[i] as tf.LayerVariable;
      expectClose(w.read(), other.read(), 1e-5, w.originalName);
    });
    // tfjs counts an inner model twice that is applied twice, and would keep it.
    tf.dispose([y, ...[own, fitted].flatMap((m) => m.weights.map((w) => w.read()))]);
    first.dispose();
    second.dispose();
  });

  test('several outputs: a weight that the loss does not reach keeps its value and its moments', async () => {
    const steps = (optimizer: tf.Optimizer, outputs: readonly number[]) => {
      const input = tf.input({ shape: [4] });
      const heads = ['a', 'b'].map((name) => tf.layers.dense({ name, units: 3 }));
      const two = tf.model({
        inputs: input,
        outputs: heads.map((head) => head.apply(input) as tf.SymbolicTensor),
      });
      two.weights.forEach((w, i) => w.write(normalTensor(w.shape as number[], i + 3)));
      const values = () => two.weights.map((w) => [...w.read().dataSync()]);
      const seen = [values()];
      for (const output of outputs) {
        trainingStep(two, optimizer, x, (y) =>
          loss((y as tf.Tensor[])[output] as tf.Tensor),
        ).dispose();
        seen.push(values());
      }
      optimizer.dispose();
      two.dispose();
      return seen;
    };
    await expectNoLeak(() =>
      tf.tidy(() => {
        const mixed = steps(new AdamW({ learningRate: 0.1 }), [1, 0, 0, 1, 1]);
        const single = steps(new AdamW({ learningRate: 0.1 }), [1, 1, 1]);
        expect(mixed[3]?.slice(2)).toEqual(mixed[1]?.slice(2));
        expect(mixed[5]?.slice(2)).toEqual(single[3]?.slice(2));
        expect(mixed[5]?.slice(0, 2)).toEqual(mixed[3]?.slice(0, 2));

        // tfjs's Adam finds moments by position and counts for all together: at its second step a
        // first gradient moves a weight by 0.1 * (0.1 / 0.19) / sqrt(0.001 / 0.001999).
        const adam = steps(tf.train.adam(0.1), [0, 1]);
        adam[2]?.slice(2).forEach((after, i) =>
          after.forEach((value, j) => {
            const change = value - (adam[1]?.[i + 2]?.[j] as number);
            expect(Math.abs(change)).toBeCloseTo(0.0744, 3);
          }),
        );
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
    const before = kernel();
    const bad: [unknown, string][] = [
      [undefined, 'the loss is undefined; expected a scalar tensor'],
      [3, 'the loss is 3; expected a scalar tensor'],
      [Promise.resolve(), 'the loss is [object Promise]'],
      [tf.ones([5, 1]), 'the loss is a tensor of shape [5, 1]; expected a scalar'],
      [tf.ones([]), 'Cannot find a connection'],
    ];
    for (const [value, message] of bad) {
      await expectNoLeak(() => {
        const constant = () => value as tf.Scalar;
        expect(() => trainingStep(model, sgd, x, constant)).toThrow(message);
      });
    }
    const inputs: [unknown, string][] = [
      [undefined, "inputs is undefined; expected a tensor of the model's input"],
      [[[1, 2, 3, 4]], 'inputs is [[1, 2, 3, 4]]; expected a tensor'],
      [[], 'inputs is []; expected a tensor'],
    ];
    for (const [given, message] of inputs) {
      const step = () => trainingStep(model, sgd, given as tf.Tensor, loss);
      await expectNoLeak(() => expect(step).toThrow(`trainingStep: ${message}`));
    }
    expectClose(kernel(), before, 0);
    tf.dispose([before, ...bad.map(([value]) => value as tf.Tensor)]);
    await expectNoLeak(() => {
      for (const clipNorm of [0, true, [1], '1'] as number[]) {
        expect(() => trainingStep(model, sgd, x, loss, { clipNorm })).toThrow('clipNorm is ');
      }
      model.trainable = false;
      expect(() => trainingStep(model, sgd, x, loss)).toThrow('no trainable weight');
    });
    sgd.dispose();
  });

  // Where values come late, the step gives what the loss is, and looks at nothing.
  const looks = readsAtOnce(backend) ? test : test.skip;
  looks.each([false, true])(
    'a loss that is no number is refused, and no weight changes, fused: %s',
    async (fused) => {
      const network = tf.sequential({
        layers: [
          tf.layers.dense({ units: 3, inputShape: [4] }),
          tf.layers.batchNormalization({ momentum: 0.5 }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      const values = () => network.weights.map((weight) => [...weight.read().dataSync()]);
      const optimizer = new AdamW({ learningRate: 0.1, fused });
      const bad = tf.fill([5, 4], NaN);
      const mean = (y: tf.Tensor) => tf.mean(tf.square(y)) as tf.Scalar;
      const before = values();
      const refused = 'the loss is NaN; no weight has been changed';
      await expectNoLeak(() => {
        expect(() => trainingStep(network, optimizer, bad, mean)).toThrow(refused);
        if (fused) return;
        // In the second part of the batch.
        const both = tf.concat([x, bad]);
        const half = { microBatch: 5 };
        expect(() => accumulatedStep(network, optimizer, both, both, mean, half)).toThrow(refused);
        both.dispose();
      });
      expect(values()).toEqual(before);
      trainingStep(network, optimizer, x, mean).dispose();
      expect(values()).not.toEqual(before);
      bad.dispose();
      network.dispose();
      optimizer.dispose();
    },
  );
});
