/** Adapters in training: what they change, what they leave, and what a step costs. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  addAdapters,
  memoryPeak,
  mergeAdapters,
  removeAdapters,
  trainingStep,
} from 'tfjs-revcol';
import { NATIVE_FLAG } from '../../src/ops/kernels/tensorflow/library';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { expectSameStep, normalTensor, projectedLoss, takeStep } from '../support/training_step';
import { baseValues, outputOf, randomizeAdapters, type Subject, SUBJECTS } from './models';

/** Runs `body` on a fresh model with an input; leaves nothing. */
async function onModel(
  { make, input }: Subject,
  body: (model: tf.LayersModel, x: tf.Tensor) => void | Promise<void>,
  backprop?: 'reversible' | 'stored',
): Promise<void> {
  await expectNoLeak(async () => {
    const model = make(backprop);
    const x = input();
    await body(model, x);
    model.dispose();
    x.dispose();
  });
}

describeBackends('adapters', () => {
  afterEach(() => tf.env().set(NATIVE_FLAG, true));

  describe.each(Object.keys(SUBJECTS))('on %s', (title) => {
    const subject = SUBJECTS[title] as Subject;

    test('change nothing at first, then as their merged weights do', async () => {
      await onModel(subject, (model, x) => {
        const before = outputOf(model, x);
        const trained = model.trainableWeights.length;
        addAdapters(model, { rank: 2, alpha: 3 });
        const factors = model.trainableWeights;
        expect(factors.every((w) => /lora_[ab]$/.test(w.originalName))).toBe(true);
        expect(new Set(factors.map((w) => w.originalName)).size).toBe(factors.length);
        expectClose(outputOf(model, x), before, 1e-6);
        randomizeAdapters(model);
        const after = outputOf(model, x);
        expect(() => expectClose(after, before, 1e-3)).toThrow();
        mergeAdapters(model, { keep: false });
        expectClose(outputOf(model, x), after, 2e-5);
        expect(model.trainableWeights.length).toBe(trained);
      });
    });

    test('have the gradients of stored mode, and those of a merged kernel on their way', async () => {
      if (title === 'stock layers') return;
      const step = async (backprop: 'reversible' | 'stored') => {
        let taken: ReturnType<typeof takeStep> | undefined;
        await onModel(
          subject,
          (model, x) => {
            addAdapters(model, { rank: 2 });
            randomizeAdapters(model);
            const loss = () =>
              projectedLoss(model.apply(x, { training: true }) as tf.Tensor | tf.Tensor[]);
            taken = takeStep(loss, model.trainableWeights);
          },
          backprop,
        );
        return taken as ReturnType<typeof takeStep>;
      };
      expectSameStep(await step('reversible'), await step('stored'), 1e-4);
    });

    test('alone are trained by any optimizer, in fit and by hand', async () => {
      await onModel(subject, async (model, x) => {
        const target = tf.tidy(() => tf.mul(tf.onesLike(model.predict(x) as tf.Tensor), 0.3));
        const base = baseValues(model);
        addAdapters(model, { rank: 2 });
        randomizeAdapters(model);
        const squares = (y: tf.Tensor) => tf.mean(tf.square(tf.sub(y, target))) as tf.Scalar;
        const lossOf = () => tf.tidy(() => squares(model.predict(x) as tf.Tensor).dataSync()[0]);
        const first = lossOf() as number;
        model.compile({ optimizer: new AdamW({ learningRate: 0.002 }), loss: 'meanSquaredError' });
        await model.fit(x, target, { epochs: 4, verbose: 0 });
        const second = lossOf() as number;
        expect(second).toBeLessThan(first);
        const optimizer = tf.train.adam(0.002);
        for (let i = 0; i < 4; i++) trainingStep(model, optimizer, x, squares).dispose();
        expect(lossOf()).toBeLessThan(second);
        // Moving statistics are no weights: training moves them whatever is frozen.
        const moving = model.weights.filter((w) => /moving_/.test(w.originalName));
        const state = new Set(moving.map((w) => String(w.id)));
        for (const [id, values] of baseValues(model)) {
          if (!state.has(id)) expect(values).toEqual(base.get(id));
        }
        removeAdapters(model);
        model.optimizer.dispose();
        optimizer.dispose();
        target.dispose();
      });
    });
  });

  test('leave a model as it was when they are removed', async () => {
    await onModel(SUBJECTS['a RevCol'] as Subject, (model, x) => {
      const [backbone, head] = [model.getLayer('backbone'), model.getLayer('head')];
      backbone.trainable = false;
      const [before, tensors] = [outputOf(model, x), tf.memory().numTensors];
      const config = JSON.stringify(model.toJSON(null, false));
      const trained = model.trainableWeights;
      addAdapters(model, { rank: 2, targets: ['backbone'] });
      expect(model.trainableWeights.length).toBeGreaterThan(20);
      head.trainable = true;
      expect(model.trainableWeights.slice(-4)).toEqual(trained);
      randomizeAdapters(model);
      removeAdapters(model);
      expect(model.trainableWeights).toEqual(trained);
      expect(backbone.trainable).toBe(false);
      expect(JSON.stringify(model.toJSON(null, false))).toBe(config);
      expect(tf.memory().numTensors).toBe(tensors);
      expect(outputOf(model, x)).toEqual(before);
    });
  });

  test('are trained beside a head that is not frozen', async () => {
    await onModel(SUBJECTS['a RevCol'] as Subject, async (model, x) => {
      addAdapters(model, { rank: 2, targets: ['pointwise'] });
      model.getLayer('head').trainable = true;
      const base = baseValues(model);
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
      const y = tf.zeros([2, 3]);
      await model.fit(x, y, { epochs: 1, verbose: 0 });
      y.dispose();
      const head = new Set(model.getLayer('head').weights.map((w) => String(w.id)));
      for (const [id, values] of baseValues(model)) {
        expect([id, values.every((v, i) => v === base.get(id)?.[i])]).toEqual([id, !head.has(id)]);
      }
    });
  });

  test('cost neither the gradients of frozen kernels nor their memory', async () => {
    // The package's own operations hold less at once, with and without adapters, and have other names.
    tf.env().set(NATIVE_FLAG, false);
    const own = tf
      .getKernelsForBackend(tf.getBackend())
      .filter(({ kernelName }) => kernelName.startsWith('RevCol'));
    own.forEach(({ kernelName, backendName }) => tf.unregisterKernel(kernelName, backendName));
    const subject = SUBJECTS['a RevCol'] as Subject;
    const measure = async (prepare: (model: tf.LayersModel) => void) => {
      let peak = 0;
      let kernels: string[] = [];
      await onModel(subject, async (model) => {
        prepare(model);
        // One image of few places: weights outweigh activations.
        const x = normalTensor([1, 8, 8, 2], 1);
        const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
        const step = () => {
          const loss = () => tf.sum(model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
          const { value, grads } = tf.variableGrads(loss, variables);
          tf.dispose([value, grads]);
        };
        step();
        const before = tf.memory().numBytes;
        peak = (await memoryPeak(step)).peakBytes - before;
        const { kernels: run } = await tf.profile(() => tf.tidy(step));
        kernels = run.map(({ name, outputShapes }) => `${name} ${JSON.stringify(outputShapes)}`);
        x.dispose();
      });
      return { peak, kernels };
    };
    const gradientBytes = { factors: 0, all: 0 };
    const count = (weights: tf.LayerVariable[]) =>
      4 * weights.reduce((sum, w) => sum + tf.util.sizeFromShape(w.shape as number[]), 0);
    type Measured = Awaited<ReturnType<typeof measure>>;
    const measured: Measured[] = [];
    try {
      measured.push(
        await measure((model) => {
          gradientBytes.all = count(model.trainableWeights);
        }),
        await measure((model) => {
          addAdapters(model, { rank: 1 });
          gradientBytes.factors = count(model.trainableWeights);
        }),
      );
    } finally {
      // What is no kernel but an operation's name is there again when it has run.
      for (const kernel of own) {
        if (!tf.getKernel(kernel.kernelName, kernel.backendName)) tf.registerKernel(kernel);
      }
    }
    const [whole, adapted] = measured as [Measured, Measured];
    // All of the difference, but for the largest changed kernels, which live for a moment.
    const largest = 3 * 4 * 4 * 6 * 24;
    const saved = gradientBytes.all - gradientBytes.factors;
    expect(whole.peak - adapted.peak).toBeGreaterThan(saved - largest);
    const depthwise = (list: string[]) => list.filter((k) => /Depthwise.*Filter/.test(k)).length;
    expect(depthwise(whole.kernels)).toBe(9);
    expect(depthwise(adapted.kernels)).toBe(0);
    // A gradient is handed to the tape as a clone; the kernels are of 4 to 24 channels.
    const handed = (list: string[]) =>
      list.filter((k) => /^Identity \[\[(4,16|16,4|6,24|24,6|6,6|2,2,6,6)\]\]/.test(k)).length;
    expect(handed(whole.kernels)).toBeGreaterThan(20);
    expect(handed(adapted.kernels)).toBe(0);
  });
});
