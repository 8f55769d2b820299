/** Plans against what `memoryPeak` measures, and that planning makes no tensor. */
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  AdamW,
  createLanguageModel,
  createModel,
  createVitModel,
  memoryPeak,
  memoryPlan,
  type PlannedModel,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';

const SMALL: PlannedModel = {
  name: 'revcol_tiny',
  inputShape: [32, 32, 3],
  numClasses: 10,
  channels: [16, 24, 32],
  depths: [1, 2, 1],
  columns: 5,
};

const stockModel = () =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [16, 16, 3], filters: 8, kernelSize: 3, activation: 'relu' }),
      tf.layers.batchNormalization(),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }),
      tf.layers.flatten(),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 32, activation: 'sigmoid' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });

interface Case {
  make: () => tf.LayersModel;
  /** Given by name in the plan, not as a model. */
  planned?: PlannedModel;
  input: (batch: number) => tf.Tensor;
  optimizer?: () => tf.Optimizer;
  rank?: number;
}

const images = (side: number) => (batch: number) => tf.zeros([batch, side, side, 3]);
const make = (more: Partial<PlannedModel>) => ({
  make: () => createModel('revcol_tiny', { ...SMALL, ...more } as object),
  planned: { ...SMALL, ...more } as PlannedModel,
  input: images(32),
});

const CASES: Record<string, Case> = {
  reversible: make({}),
  stored: make({ backprop: 'stored' }),
  'with top fusion and supervision': make({ topFusion: true, columns: 4, intermediateSupervision: true }),
  'by plain descent': { ...make({}), optimizer: () => tf.train.sgd(0.1) },
  "by tfjs's Adam": { ...make({}), optimizer: () => tf.train.adam(0.1) },
  'with adapters': { ...make({}), rank: 4 },
  'of a ViT': {
    make: () =>
      createVitModel('revcol_vit_small', {
        inputShape: [32, 32, 3],
        channels: [48, 48],
        depths: [1, 1],
        columns: 3,
      }),
    input: images(32),
  },
  'of a language model': {
    make: () => createLanguageModel({ vocabularySize: 50, width: 32, numHeads: 2, sequenceLength: 16 }),
    input: (batch) => tf.fill([batch, 16], 3, 'int32'),
  },
  'of stock layers': { make: stockModel, input: images(16) },
};

const meanSquare = (outputs: tf.Tensor | tf.Tensor[]) =>
  tf.addN([outputs].flat().map((y) => tf.mean(tf.square(y)))) as tf.Scalar;

describeBackends('a plan is what memoryPeak measures', (backend) => {
  test.each(Object.keys(CASES))('%s', async (title) => {
    const c = CASES[title] as Case;
    const batch = 3;
    await expectNoLeak(async () => {
      const model = c.make();
      const makeOptimizer = c.optimizer ?? (() => new AdamW());
      const plan = memoryPlan(c.planned ?? model, {
        batch,
        backend: backend as 'cpu',
        length: 16,
        optimizer: makeOptimizer,
        ...(c.rank == null ? {} : { adapters: { rank: c.rank } }),
      });
      if (c.rank != null) addAdapters(model, { rank: c.rank });
      const [x, optimizer] = [c.input(batch), makeOptimizer()];
      const before = tf.memory().numBytes;
      const step = () => trainingStep(model, optimizer, x, meanSquare).dispose();
      step();
      const { peakBytes } = await memoryPeak(step);
      const weights = 4 * model.countParams();
      const own = peakBytes - (before - weights - x.size * 4);
      expect({ plan: plan.peakBytes / own > 0.999 && plan.peakBytes / own < 1.001 || [plan, own] }).toEqual({ plan: true });
      expect(plan.weights).toBe(weights);
      const { gradients, anchors, activations, workspace, moments } = plan;
      expect(weights + moments + gradients + anchors + activations + workspace).toBe(plan.peakBytes);
      expect(Math.min(gradients, anchors, activations, workspace, moments)).toBeGreaterThanOrEqual(0);
      model.dispose();
      optimizer.dispose();
      x.dispose();
    });
  });
});
