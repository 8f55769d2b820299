import * as tf from '@tensorflow/tfjs';

import {
  accumulatedStep,
  AdamW,
  createModel,
  memoryPeak,
  SGD,
  softmaxCrossEntropy,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

describeBackends('a step in parts', () => {
  let model: tf.LayersModel;
  let x: tf.Tensor;
  let labels: tf.Tensor;
  let start: tf.Tensor[];
  beforeEach(() => {
    const l2 = tf.regularizers.l2({ l2: 0.1 });
    model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 5, inputShape: [4], activation: 'tanh', kernelRegularizer: l2 }),
        tf.layers.dense({ units: 3 }),
      ],
    });
    x = normalTensor([10, 4], 1);
    labels = tf.tensor1d([0, 1, 2, 2, 1, 0, 1, 2, 0, 1], 'int32');
    start = model.getWeights().map((w) => tf.clone(w));
  });
  afterEach(() => {
    model.dispose();
    tf.dispose([x, labels, start]);
  });
  const loss = (logits: tf.Tensor, y: tf.Tensor) => softmaxCrossEntropy(y, logits);

  /** Loss and weights after two steps. */
  function after(step: (optimizer: tf.Optimizer) => tf.Scalar, optimizer: tf.Optimizer): number[] {
    model.setWeights(start);
    const losses = [0, 1].map(() => {
      const value = step(optimizer);
      const [number] = value.dataSync();
      value.dispose();
      return number as number;
    });
    optimizer.dispose();
    return [...losses, ...model.getWeights().flatMap((w) => [...w.dataSync()])];
  }

  const optimizers: [string, () => tf.Optimizer][] = [
    ['SGD', () => new SGD({ learningRate: 0.5 })],
    ['AdamW', () => new AdamW({ learningRate: 0.05 })],
    ['tf.train.adam', () => tf.train.adam(0.05)],
  ];

  test.each(optimizers)(
    '%s: is the step of the whole batch, however it is cut',
    async (name, make) => {
      await expectNoLeak(() => {
        for (const clipNorm of name === 'SGD' ? [undefined, 0.3] : [undefined]) {
          const whole = after(
            (o) => trainingStep(model, o, x, (y) => loss(y, labels), { clipNorm }),
            make(),
          );
          for (const microBatch of [1, 4, 64]) {
            const parts = after(
              (o) => accumulatedStep(model, o, x, labels, loss, { microBatch, clipNorm }),
              make(),
            );
            // Adam divides small gradients by themselves, and so rounding grows.
            expectClose(parts, whole, /adam/i.test(name) ? 1e-4 : 1e-5, `${microBatch}`);
          }
        }
      });
    },
  );

  test('several inputs, outputs and targets are cut alike', async () => {
    await expectNoLeak(() => {
      const [a, b] = [tf.input({ shape: [4] }), tf.input({ shape: [2] })];
      const [left, right] = [a, b].map((i) => tf.layers.dense({ units: 3 }).apply(i));
      const pair = tf.model({ inputs: [a, b], outputs: [left, right] as tf.SymbolicTensor[] });
      const other = normalTensor([10, 2], 2);
      const distance = normalTensor([10, 3], 3);
      const before = pair.getWeights().map((w) => tf.clone(w));
      const both = (outputs: tf.Tensor[], [y, z]: tf.Tensor[]) =>
        tf.add(
          softmaxCrossEntropy(y as tf.Tensor, outputs[0] as tf.Tensor),
          tf.losses.meanSquaredError(z as tf.Tensor, outputs[1] as tf.Tensor),
        ) as tf.Scalar;
      const sgd = tf.train.sgd(0.5);
      trainingStep(pair, sgd, [x, other], (y) => both(y, [labels, distance])).dispose();
      const expected = pair.getWeights().flatMap((w) => [...w.dataSync()]);
      pair.setWeights(before);
      const targets = [labels, distance];
      accumulatedStep(pair, sgd, [x, other], targets, both, { microBatch: 4 }).dispose();
      expectClose(
        pair.getWeights().flatMap((w) => [...w.dataSync()]),
        expected,
        1e-6,
      );
      sgd.dispose();
      pair.dispose();
      tf.dispose([other, distance, before]);
    });
  });

  test('takes the memory of a part', async () => {
    const dense = () => tf.layers.dense({ units: 32, activation: 'tanh' });
    const deep = tf.sequential({
      layers: [
        tf.layers.dense({ units: 32, inputShape: [4] }),
        ...[0, 1, 2, 3, 4].map(dense),
        tf.layers.dense({ units: 3 }),
      ],
    });
    const many = normalTensor([512, 4], 1);
    const y = tf.tidy(() => tf.cast(tf.floor(tf.mod(tf.range(0, 512), 3)), 'int32'));
    await expectNoLeak(async () => {
      const sgd = new SGD({ learningRate: 0 });
      const peak = async (step: () => tf.Scalar) => {
        const before = tf.memory().numBytes;
        const { peakBytes } = await memoryPeak(() => step().dispose());
        return peakBytes - before;
      };
      const whole = await peak(() => trainingStep(deep, sgd, many, (z) => loss(z, y)));
      const parts = await peak(() => accumulatedStep(deep, sgd, many, y, loss, { microBatch: 32 }));
      expect(parts / whole).toBeLessThan(0.3);
      sgd.dispose();
    });
    deep.dispose();
    tf.dispose([many, y]);
  });

  test('fused optimizers, unequal batches and options are refused, and nothing changes', async () => {
    const before = model.getWeights().flatMap((w) => [...w.dataSync()]);
    const run = (
      options: object,
      given: Partial<Record<'optimizer' | 'x' | 'y' | 'loss', unknown>> = {},
    ) => {
      const sgd = tf.train.sgd(0.5);
      try {
        accumulatedStep(
          model,
          (given.optimizer ?? sgd) as tf.Optimizer,
          (given.x ?? x) as tf.Tensor,
          (given.y ?? labels) as tf.Tensor,
          (given.loss ?? loss) as typeof loss,
          options as { microBatch: number },
        ).dispose();
      } finally {
        sgd.dispose();
      }
    };
    const fused = new AdamW({ fused: true });
    const short = tf.zeros([9], 'int32');
    await expectNoLeak(() => {
      expect(() => run({ microBatch: 2 }, { optimizer: fused })).toThrow(
        'make it with fused: false',
      );
      expect(() => run({ microBatch: 0 })).toThrow(
        'microBatch is 0; expected an integer of at least 1',
      );
      expect(() => run({})).toThrow('microBatch is undefined');
      expect(() => run({ microBatch: 2, clipNorm: -1 })).toThrow('accumulatedStep: clipNorm is -1');
      expect(() => run({ microBatch: 2 }, { y: short })).toThrow(
        'targets is a tensor of shape [9]; expected a tensor [batch, ...] with a batch of 10',
      );
      expect(() => run({ microBatch: 2 }, { loss: (z: tf.Tensor) => z })).toThrow(
        'accumulatedStep: the loss is a tensor of shape [2, 3]; expected a scalar',
      );
      let calls = 0;
      const third = (z: tf.Tensor, y: tf.Tensor) => {
        if (++calls === 3) throw new Error('in the middle');
        return loss(z, y);
      };
      expect(() => run({ microBatch: 2 }, { loss: third })).toThrow('in the middle');
    });
    expect(model.getWeights().flatMap((w) => [...w.dataSync()])).toEqual(before);
    fused.dispose();
    short.dispose();
  });

  test('keeps one set of gradients beside those of a part', async () => {
    const image = [32, 32, 3] as [number, number, number];
    const sizes = { channels: [16, 16, 16, 16], depths: [1, 1, 1, 1] };
    const revcol = createModel('revcol_tiny', { inputShape: image, numClasses: 2, ...sizes });
    const [few, y] = [normalTensor([2, ...image], 1), tf.tensor1d([0, 1], 'int32')];
    const sgd = new SGD({ learningRate: 0 });
    const peak = async (step: () => tf.Scalar) => {
      step().dispose();
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(() => step().dispose());
      return peakBytes - before;
    };
    await expectNoLeak(async () => {
      const [first, label] = [tf.slice(few, 0, 1), tf.slice(y, 0, 1)];
      const part = await peak(() =>
        trainingStep(revcol, sgd, first, (z) => loss(z as tf.Tensor, label)),
      );
      const both = await peak(() => accumulatedStep(revcol, sgd, few, y, loss, { microBatch: 1 }));
      const set = 4 * revcol.countParams();
      // And, for a moment, a gradient in the share of its part, and its sum.
      expect(both / part).toBeGreaterThan(1);
      expect((both - part) / set).toBeLessThan(1.15);
      tf.dispose([first, label]);
    });
    sgd.dispose();
    revcol.dispose();
    tf.dispose([few, y]);
  });

  test('takes weights that share a gradient', async () => {
    class Shared extends tf.layers.Layer {
      static className = 'AccumulatedShared';
      private both: tf.LayerVariable[] = [];
      override build() {
        this.both = ['a', 'b'].map((name) =>
          this.addWeight(name, [3], 'float32', tf.initializers.ones()),
        );
        super.build([]);
      }
      override computeOutputShape(shape: tf.Shape) {
        return shape;
      }
      override call(inputs: tf.Tensor | tf.Tensor[]) {
        const sum = tf.customGrad((...args) => {
          const [a, b] = args as [tf.Tensor, tf.Tensor];
          return { value: tf.add(a, b), gradFunc: (dy: tf.Tensor) => [dy, dy] };
        });
        const [a, b] = this.both.map((weight) => weight.read()) as [tf.Tensor, tf.Tensor];
        return tf.add([inputs].flat()[0] as tf.Tensor, sum(a, b));
      }
    }
    const both = tf.sequential({ layers: [new Shared({ inputShape: [3] } as object)] });
    const [few, y] = [tf.ones([4, 3]), tf.zeros([4, 3])];
    const sgd = tf.train.sgd(0.1);
    await expectNoLeak(() => {
      const squared = (z: tf.Tensor, t: tf.Tensor) =>
        tf.mean(tf.squaredDifference(z, t)) as tf.Scalar;
      accumulatedStep(both, sgd, few, y, (z, t) => squared(z as tf.Tensor, t), {
        microBatch: 2,
      }).dispose();
      // dL/dw = 2/3 (1 + 1 + 1) of each weight.
      for (const w of both.getWeights()) expectClose(w, [0.8, 0.8, 0.8], 1e-6);
    });
    both.dispose();
    tf.dispose([few, y]);
  });
});
