/** Updates in the middle of the backward pass, against the same step with all gradients first. */
import * as tf from '@tensorflow/tfjs';

import { Adafactor, AdamW, layers, Lion, memoryPeak, SGD, trainingStep } from 'tfjs-revcol';
import { withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak, readsAtOnce } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';
import { FUSED_MODELS, type Trained } from './support/fused_models';

type Fused = boolean | 'safe';

const OPTIMIZERS: Record<string, (fused: Fused) => tf.Optimizer> = {
  AdamW: (fused) => new AdamW({ learningRate: 0.05, weightDecay: 0.1, fused }),
  Lion: (fused) => new Lion({ learningRate: 0.01, weightDecay: 0.1, fused }),
  Adafactor: (fused) => new Adafactor({ beta1: 0.5, weightDecay: 0.1, fused }),
  'SGD with momentum': (fused) => new SGD({ learningRate: 0.05, momentum: 0.9, fused }),
  'SGD, clipped': (fused) =>
    new SGD({ learningRate: 0.1, clipWeightNorm: 0.3, clipPreviousNorm: 0.5, fused }),
};

/** Everything that some steps leave: losses, all variables, and what the optimizer would save. */
async function afterSteps(make: () => Trained, optimizer: tf.Optimizer): Promise<number[][]> {
  const { model, loss, dispose } = make();
  const own = tf.engine().registeredVariables;
  const known = new Set(Object.values(own));
  const losses = [1, 2].map((seed) =>
    withSeededRandom(seed, () => {
      const value = optimizer.minimize(loss, true) as tf.Scalar;
      const [number] = value.dataSync();
      value.dispose();
      return number as number;
    }),
  );
  const weights = [...known].filter((v) => !v.isDisposed).map((v) => [...v.dataSync()]);
  const state = (await optimizer.getWeights()).map(({ tensor }) => [...tensor.dataSync()]);
  dispose();
  optimizer.dispose();
  expect(model.weights.length).toBeGreaterThan(0);
  return [losses, ...weights, ...state];
}

describeBackends('fused updates', (backend) => {
  const exact = backend !== 'tensorflow';

  const kinds = Object.keys(FUSED_MODELS);
  const cases = [
    ...kinds.map((kind) => [kind, 'AdamW']),
    ...Object.keys(OPTIMIZERS).map((name) => ['ConvNeXt columns', name]),
  ] as [string, string][];
  test.each(cases)('are those of an unfused step: %s, %s', async (kind, name) => {
    const make = FUSED_MODELS[kind] as () => Trained;
    const optimizer = OPTIMIZERS[name] as (fused: Fused) => tf.Optimizer;
    await expectNoLeak(async () => {
      const expected = await afterSteps(make, optimizer(false));
      const looks = name !== 'AdamW' && readsAtOnce(backend);
      const got = await afterSteps(make, optimizer(looks ? 'safe' : true));
      expect(got.length).toBe(expected.length);
      if (exact) expect(got).toEqual(expected);
      else got.forEach((values, i) => expectClose(values, expected[i] as number[], 1e-5));
    });
  });

  test('happen in model.fit and in trainingStep as well', async () => {
    const run = async (how: 'fit' | 'step', fused: boolean) => {
      const model = tf.sequential({
        layers: [
          layers.revColBackbone({
            ...{ columns: 2, channels: [3, 4], depths: [1, 1], patchSize: 2 },
            inputShape: [4, 4, 3],
          }),
          layers.revColHead({ units: 2 }),
        ],
      });
      randomizeWeights(model.weights, 3);
      const [x, y] = [normalTensor([4, 4, 4, 3], 1), normalTensor([4, 2], 2)];
      const optimizer = new AdamW({ learningRate: 0.05, fused });
      let losses: unknown;
      if (how === 'fit') {
        model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mae'] });
        const { history } = await model.fit(x, y, {
          ...{ epochs: 2, batchSize: 2, shuffle: false, verbose: 0 as const },
        });
        losses = history;
      } else {
        const loss = trainingStep(model, optimizer, x, (out) =>
          tf.losses.meanSquaredError(y, out as tf.Tensor),
        );
        losses = loss.dataSync();
        loss.dispose();
      }
      const values = model.weights.map((w) => [...w.read().dataSync()]);
      const { iterations } = optimizer;
      model.dispose();
      optimizer.dispose();
      tf.dispose([x, y]);
      return { losses, values, iterations };
    };
    await expectNoLeak(async () => {
      for (const how of ['fit', 'step'] as const) {
        const [expected, got] = [await run(how, false), await run(how, true)];
        expect(got.iterations).toBe(how === 'fit' ? 4 : 1);
        if (exact) expect(got).toEqual(expected);
        else got.values.forEach((v, i) => expectClose(v, expected.values[i] as number[], 1e-5));
      }
    });
  });

  test('hold the gradients of no more than a few weights', async () => {
    const peak = async (fused: boolean) => {
      const inputShape = [4, 4, 3];
      const args = { columns: 6, channels: [8, 40], depths: [1, 3], patchSize: 2, inputShape };
      const model = tf.sequential({
        layers: [layers.revColBackbone(args), layers.revColHead({ units: 500 })],
      });
      const x = normalTensor([1, ...inputShape], 1);
      const optimizer = new SGD({ learningRate: 1e-3, fused });
      const step = () =>
        optimizer.minimize(() =>
          tf.mean(tf.square(model.apply(x, { training: true }) as tf.Tensor)),
        );
      step();
      const before = tf.memory().numBytes;
      const { peakBytes } = await memoryPeak(step);
      const bytes = 4 * model.countParams();
      model.dispose();
      optimizer.dispose();
      x.dispose();
      return { peak: peakBytes - before, bytes };
    };
    await expectNoLeak(async () => {
      const [all, few] = [await peak(false), await peak(true)];
      expect(all.peak).toBeGreaterThan(all.bytes);
      expect(few.peak).toBeLessThan(0.3 * few.bytes);
    });
  });
});

describeBackends('fused updates', (backend) => {
  let made: Trained;
  beforeEach(() => {
    made = (FUSED_MODELS['ConvNeXt columns'] as () => Trained)();
  });
  afterEach(() => made.dispose());
  const values = () => made.model.weights.map((w) => [...w.read().dataSync()]);

  /** Asserts that a call fails and changes nothing. */
  async function refused(act: () => unknown, message: string | RegExp): Promise<void> {
    const before = values();
    await expectNoLeak(() => {
      expect(act).toThrow(message);
    });
    expect(values()).toEqual(before);
  }

  test('are refused where all gradients are wanted, and nothing changes', async () => {
    const optimizer = new AdamW({ fused: true });
    const { model, loss } = made;
    const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
    const x = normalTensor([1, 8, 8, 2], 1);
    const sum = (y: tf.Tensor | tf.Tensor[]) => tf.sum(y as tf.Tensor) as tf.Scalar;
    await refused(
      () => trainingStep(model, optimizer, x, sum, { clipNorm: 1 }),
      'clipWeightNorm, for each weight by itself, or clipPreviousNorm',
    );
    await refused(() => optimizer.computeGradients(loss), 'or an optimizer with fused: false');
    const [first] = variables as [tf.Variable];
    const zeros = tf.zeros(first.shape);
    await refused(() => optimizer.applyGradients({ [first.name]: zeros }), 'summed over batches');
    await refused(
      () =>
        tf.tidy(() =>
          tf.variableGrads(() => {
            optimizer.minimize(loss);
            return loss();
          }),
        ),
      'minimize was called while a gradient is being recorded',
    );
    expect(optimizer.iterations).toBe(0);
    expect((await optimizer.getWeights()).length).toBe(1);
    tf.dispose([x, zeros]);
    optimizer.dispose();
  });

  test('are refused where there is nothing to update, or the loss is none', async () => {
    const optimizer = new SGD({ momentum: 0.5, fused: true });
    const { model, loss } = made;
    const first = model.weights[0]?.read() as tf.Variable;
    await refused(
      () => optimizer.minimize(() => tf.scalar(1), false, [first]),
      'Cannot find a connection',
    );
    await refused(
      () => optimizer.minimize(() => tf.ones([2]) as tf.Scalar, false, [first]),
      'the loss is a tensor of shape [2]',
    );
    await refused(
      () => optimizer.minimize(() => 3 as unknown as tf.Scalar, false, [first]),
      'the loss is 3',
    );
    await refused(
      () =>
        optimizer.minimize(() => {
          loss();
          throw new Error('no loss');
        }),
      'no loss',
    );
    optimizer.learningRate = NaN;
    await refused(() => optimizer.minimize(loss), 'learningRate is NaN');
    await refused(() => optimizer.minimize(loss, false, []), 'none of 0 variables is trainable');
    optimizer.dispose();
  });

  test("'safe' looks at the loss before anything changes", async () => {
    const { loss } = made;
    const optimizer = new AdamW({ fused: 'safe' });
    for (const bad of [NaN, Infinity]) {
      const broken = () => tf.mul(loss(), bad) as tf.Scalar;
      await refused(
        () => optimizer.minimize(broken),
        readsAtOnce(backend)
          ? `the loss is ${bad}; no weight has been changed`
          : `which backend '${backend}' cannot do at once`,
      );
    }
    optimizer.dispose();
  });

  test('a gradient that reads what its forward pass did not is caught', () => {
    const optimizer = new SGD({ fused: true });
    tf.tidy(() => {
      const [w, u] = [1, 2].map((i) => tf.variable(tf.scalar(i))) as [tf.Variable, tf.Variable];
      const hidden = tf.customGrad((x) => ({
        value: tf.mul(x as tf.Tensor, 2),
        gradFunc: (dy: tf.Tensor) => [tf.mul(dy, w)],
      }));
      expect(() =>
        optimizer.minimize(() => tf.mul(hidden(u), w) as tf.Scalar, false, [w, u]),
      ).toThrow(new RegExp(`reads ${w.name}, which has been updated already.*1 of 2 weights`));
      expect(u.dataSync()[0]).toBe(2);
      tf.dispose([w, u]);
    });
  });

  test('arguments that make no sense are refused', () => {
    expect(() => new AdamW({ fused: 'sure' as never })).toThrow("expected true, false or 'safe'");
    expect(() => new SGD({ clipWeightNorm: 0 })).toThrow('clipWeightNorm is 0');
    expect(() => new SGD({ clipPreviousNorm: -1 })).toThrow('clipPreviousNorm is -1');
    expect(() => new SGD({ nesterov: true })).toThrow('expected a momentum above 0');
  });
});
