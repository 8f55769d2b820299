/** Plans against what `memoryPeak` measures, and that planning makes no tensor. */
import * as tf from '@tensorflow/tfjs';

import {
  Adafactor,
  AdamW,
  addAdapters,
  createLanguageModel,
  type CreateLanguageModelOptions,
  createModel,
  createVitModel,
  Lion,
  memoryPeak,
  memoryPlan,
  type MemoryPlanOptions,
  type PlannedModel,
  type PlannedOptimizer,
  SGD,
  trainingStep,
} from 'tfjs-revcol';
import * as contracts from '../../src/ops/kernels/contract';
import { SHAPE_RULES } from '../../src/plan/shapes';
import { BACKENDS, describeBackends, expectNoLeak } from '../support/backends';

const SMALL: PlannedModel = {
  name: 'revcol_tiny',
  inputShape: [16, 16, 3],
  patchSize: 2,
  numClasses: 5,
  channels: [8, 12],
  depths: [1, 1],
  columns: 3,
};

/** The options beside the name. */
const optionsOf = (planned: object): object =>
  Object.fromEntries(Object.entries(planned).filter(([option]) => option !== 'name'));

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

/** A dense layer that stands both outside and in a nested model. */
function sharingModel(): tf.LayersModel {
  const shared = tf.layers.dense({ units: 40, activation: 'relu' });
  const outside = tf.input({ shape: [40] });
  const own = tf.input({ shape: [40] });
  const nested = tf.model({ inputs: own, outputs: shared.apply(own) as tf.SymbolicTensor });
  const hidden = shared.apply(outside) as tf.SymbolicTensor;
  const outputs = tf.layers.dense({ units: 2 }).apply(nested.apply(hidden)) as tf.SymbolicTensor;
  return tf.model({ inputs: outside, outputs });
}

interface Case {
  make: () => tf.LayersModel;
  /** Given by name in the plan, not as a model. */
  planned?: PlannedModel;
  input: (batch: number) => tf.Tensor;
  optimizer?: () => tf.Optimizer;
  /** The same by name. */
  named?: { optimizer: PlannedOptimizer; fused: boolean };
  rank?: number;
}

const images = (side: number) => (batch: number) => tf.zeros([batch, side, side, 3]);
const make = (more: Partial<PlannedModel>) => ({
  make: () => createModel('revcol_tiny', optionsOf({ ...SMALL, ...more })),
  planned: { ...SMALL, ...more } as PlannedModel,
  input: images(16),
});

const languageModel = (more: Partial<CreateLanguageModelOptions>): Case => ({
  make: () =>
    createLanguageModel({
      vocabularySize: 50,
      width: 16,
      numHeads: 2,
      columns: 2,
      depths: [1, 1],
      sequenceLength: 16,
      ...more,
    }),
  input: (batch) => tf.fill([batch, 16], 3, 'int32'),
});

const CASES: Record<string, Case> = {
  reversible: make({}),
  stored: make({ backprop: 'stored' }),
  'with top fusion and supervision': make({
    topFusion: true,
    columns: 4,
    intermediateSupervision: true,
  }),
  'by plain descent': { ...make({}), optimizer: () => tf.train.sgd(0.1) },
  "by tfjs's Adam": { ...make({}), optimizer: () => tf.train.adam(0.1) },
  'with adapters': { ...make({}), rank: 4 },
  'of a ViT': {
    make: () =>
      createVitModel('revcol_vit_small', {
        inputShape: [32, 32, 3],
        channels: [24, 24],
        depths: [1, 0],
        columns: 2,
      }),
    input: images(32),
  },
  'of a language model': languageModel({}),
  'of a language model with LayerNorms alone between levels': languageModel({ fusion: 'norm' }),
  'of stock layers': { make: stockModel, input: images(16) },
  'of a layer that a nested model has as well': {
    make: sharingModel,
    input: (batch) => tf.zeros([batch, 40]),
  },
};

/** Optimizers by the names of a plan, with networks whose weights take moments of eight bits. */
const WIDE: Partial<PlannedModel> = { channels: [32, 48], columns: 2 };
const OWN: Partial<Record<PlannedOptimizer, (fused: boolean) => tf.Optimizer>> = {
  sgd: (fused) => new SGD({ fused }),
  momentum: (fused) => new SGD({ momentum: 0.5, fused }),
  lion: (fused) => new Lion({ fused }),
  adafactor: (fused) => new Adafactor({ fused }),
  adamw: (fused) => new AdamW({ fused }),
  adamw8bit: (fused) => new AdamW({ moments: '8bit', fused }),
};
for (const [name, optimizer] of Object.entries(OWN)) {
  for (const fused of [false, true]) {
    CASES[`by ${name}${fused ? ', fused' : ''}`] = {
      ...make(WIDE),
      optimizer: () => optimizer(fused),
      named: { optimizer: name as PlannedOptimizer, fused },
    };
  }
}
const fusedAdamW = () => new AdamW({ fused: true });
for (const title of ['stored', 'with adapters', 'of a language model', 'of stock layers']) {
  CASES[`${title}, fused`] = { ...(CASES[title] as Case), optimizer: fusedAdamW };
}
// Anchors, which the walk frees one by one.
CASES['deep, fused'] = {
  ...make({ columns: 7, anchorEvery: 2 }),
  optimizer: () => new SGD({ fused: true }),
};

/** Of small networks, where what a kernel makes beside its result counts most. */
const TOLERANCE = 0.02;

const meanSquare = (outputs: tf.Tensor | tf.Tensor[]) =>
  tf.addN([outputs].flat().map((y) => tf.mean(tf.square(y)))) as tf.Scalar;

describeBackends('a plan is what memoryPeak measures', (backend) => {
  const titles = Object.keys(CASES).filter((t) => !t.includes('8bit') || backend !== 'cpu');
  test.each(titles)('%s', async (title) => {
    const wide = CASES[title] as Case;
    // There are no moments of eight bits there, and every value takes long.
    const isNarrow = backend === 'cpu' && wide.named !== undefined;
    const c = isNarrow ? { ...wide, ...make({ columns: 2 }) } : wide;
    const batch = 3;
    await expectNoLeak(async () => {
      const model = c.make();
      const makeOptimizer = c.optimizer ?? (() => new AdamW());
      const plan = memoryPlan(c.planned ?? model, {
        batch,
        backend: backend as 'cpu',
        length: 16,
        ...(c.named ?? { optimizer: makeOptimizer }),
        ...(c.rank == null ? {} : { adapters: { rank: c.rank } }),
      });
      if (c.rank != null) addAdapters(model, { rank: c.rank });
      const [x, optimizer] = [c.input(batch), makeOptimizer()];
      const before = tf.memory().numBytes;
      const step = () => trainingStep(model, optimizer, x, meanSquare).dispose();
      step();
      expect(plan.moments).toBe(tf.memory().numBytes - before);
      const { peakBytes } = await memoryPeak(step);
      const variables = new Set(model.weights.map((weight) => weight.read()));
      const weights = 4 * [...variables].reduce((sum, { size }) => sum + size, 0);
      // What lived before is not the step's.
      const own = peakBytes - (before - weights - x.size * 4);
      expect(Math.abs(plan.peakBytes / own - 1)).toBeLessThan(TOLERANCE);
      expect(plan.weights).toBe(weights);
      const { gradients, anchors, activations, workspace, moments } = plan;
      expect(weights + moments + gradients + anchors + activations + workspace).toBe(
        plan.peakBytes,
      );
      expect(Math.min(gradients, anchors, activations, workspace, moments)).toBeGreaterThanOrEqual(
        0,
      );
      model.dispose();
      // A layer is counted once for each place.
      tf.dispose([...variables]);
      optimizer.dispose();
      x.dispose();
    });
  });
});

const failing = (): tf.Optimizer => {
  throw new Error('no optimizer');
};

describe('planning', () => {
  beforeAll(async () => {
    await tf.setBackend(BACKENDS[0] as string);
  });

  test('makes no tensor and leaves the engine as it was, also when it fails', async () => {
    const kernels = () => tf.getKernelsForBackend('webgpu').length;
    const before = { bytes: tf.memory().numBytes, backend: tf.getBackend() };
    memoryPlan('revcol_tiny', { backend: 'webgpu' });
    const registered = kernels();
    const { result, peakBytes } = await memoryPeak(() =>
      expectNoLeak(() => memoryPlan('revcol_huge', { optimizer: 'sgd', backend: 'webgpu' })),
    );
    expect(peakBytes).toBe(before.bytes);
    expect(result.parameters).toBeGreaterThan(2.1e9);
    expect(result.weights).toBe(4 * result.parameters);
    expect(result.peakBytes).toBeGreaterThan(2 * result.weights);
    await expectNoLeak(() => {
      expect(() => memoryPlan('revcol_tiny', { optimizer: failing })).toThrow('no optimizer');
    });
    expect(tf.getBackend()).toBe(before.backend);
    // Operations of ours stay registered, tfjs's own do not.
    expect(kernels()).toBe(registered);
    expect(tf.getKernel('Add', 'webgpu')).toBeUndefined();
    expect(tf.tidy(() => [...tf.add([1], [2]).dataSync()])).toEqual([3]);
  });

  test('asks no device, also not whether it has 32 bits', () => {
    const peak = (backend: 'webgl' | 'webgpu') =>
      memoryPlan(SMALL, { backend, fused: true }).peakBytes;
    const flags = ['REVCOL_WEBGL_PROGRAMS', 'REVCOL_WEBGPU_PROGRAMS'];
    // With programs of its own, which hold less.
    const own = [peak('webgl'), peak('webgpu')] as const;
    try {
      for (const flag of flags) tf.env().set(flag, false);
      const [webgl, webgpu] = [peak('webgl'), peak('webgpu')];
      for (const bytes of own) expect(bytes).toBeLessThan(0.9 * webgpu);
      // Apart from some hundred bytes they run the same program.
      expect(Math.abs(webgl / webgpu - 1)).toBeLessThan(0.01);
    } finally {
      for (const flag of flags) tf.env().set(flag, true);
    }
  });

  test('knows what stands on either side of a choice', () => {
    const plan = (more: object, options: MemoryPlanOptions = {}) =>
      memoryPlan({ ...SMALL, columns: 12, ...more }, { backend: 'wasm', batch: 8, ...options });
    const [reversible, stored] = [plan({}), plan({}, { backprop: 'stored' })];
    expect(stored.activations).toBeGreaterThan(3 * reversible.activations);
    expect(stored.weights).toBe(reversible.weights);
    expect(plan({ anchorEvery: 2 }).anchors).toBeGreaterThan(plan({ anchorEvery: 4 }).anchors);
    expect(stored.anchors).toBe(0);
    expect(plan({}, { optimizer: 'sgd' }).moments).toBe(0);
    expect(plan({}, { adapters: { rank: 1 } }).moments).toBeLessThan(reversible.moments / 4);
  });

  test('tells anchors that live at the peak from other features', () => {
    const plan = (anchorEvery: number) =>
      memoryPlan(
        { ...SMALL, columns: 13, anchorEvery },
        { backend: 'wasm', batch: 8, optimizer: 'sgd', fused: true },
      );
    const features = 4 * 8 * (8 * 8 * 8 + 4 * 4 * 12);
    for (const every of [2, 3, 6]) {
      const { anchors } = plan(every);
      expect(anchors % features).toBe(0);
      expect(anchors / features).toBeLessThanOrEqual(Math.floor(12 / every));
      expect(anchors).toBeGreaterThan(0);
    }
    expect(plan(2).anchors).toBeGreaterThan(plan(6).anchors);
  });

  test('gradients are few where weights are updated in the backward pass', () => {
    const plan = (optimizer: PlannedOptimizer, fused: boolean) =>
      memoryPlan({ name: 'revcol_tiny', columns: 2 }, { backend: 'wasm', optimizer, fused });
    for (const name of ['sgd', 'momentum', 'lion', 'adafactor', 'adamw', 'adamw8bit'] as const) {
      const [plain, fused] = [plan(name, false), plan(name, true)];
      // The most is where the update of a weight begins, or in the last level on the way back, whose gradients, one in
      // two hundred, are still to come.
      expect(plain.gradients / plain.trainedParameters).toBeGreaterThan(3.98);
      expect(plain.gradients).toBeLessThanOrEqual(4 * plain.trainedParameters);
      expect(fused.gradients).toBeLessThan(plain.gradients / 2);
      expect(fused.peakBytes).toBeLessThan(plain.peakBytes);
      expect(fused.moments).toBe(plain.moments);
    }
    const [float32, bytes] = [plan('adamw', true), plan('adamw8bit', true)];
    expect(bytes.moments).toBeLessThan(0.27 * float32.moments);
  });

  test('every kernel that a backend of ours may have has a rule', () => {
    const names = Object.values(contracts).map(({ name }) => name);
    expect(names.filter((name) => !(name in SHAPE_RULES))).toEqual([]);
    expect(names).toContain('RevColAdamW8bit');
  });

  test('a kernel of which nothing is known is refused and never run, whatever its name', () => {
    const ran = jest.fn(() => tf.scalar(1));
    for (const kernelName of ['RevColUnheardOf', 'UnheardOf']) {
      tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: ran });
      const optimizer = () => {
        tf.engine().runKernel(kernelName, {});
        return tf.train.sgd(1);
      };
      expect(() => memoryPlan(SMALL, { backend: 'wasm', optimizer })).toThrow(
        `nothing is known of the shapes that kernel ${kernelName} gives`,
      );
      tf.unregisterKernel(kernelName, 'wasm');
    }
    expect(ran).not.toHaveBeenCalled();
  });

  test.each<[string, MemoryPlanOptions, string]>([
    ['revcol_tiny', { batch: 0 }, 'memoryPlan: batch is 0; expected an integer of at least 1'],
    ['revcol_tiny', { side: 1.5 }, 'memoryPlan: side is 1.5'],
    [
      'revcol_tiny',
      { backend: 'cuda' as 'cpu' },
      `backend is "cuda"; expected one of 'cpu', 'wasm'`,
    ],
    [
      'revcol_tiny',
      { optimizer: 'adam8' as 'adam' },
      `optimizer is "adam8"; expected one of 'sgd'`,
    ],
    ['revcol_tiny', { adapters: { rank: 0 } }, 'rank is 0'],
    ['revcol_tiny', { fuse: true } as object, `there is no option 'fuse'; did you mean 'fused'?`],
    [
      'revcol_tiny',
      { fused: 'safe' as unknown as true },
      'fused is "safe"; expected true or false',
    ],
    [
      'revcol_tiny',
      { optimizer: 'adam', fused: true },
      `'adam' is tfjs's own and needs all gradients at once; expected one of 'sgd', 'momentum'`,
    ],
    [
      'revcol_tiny',
      { optimizer: () => new AdamW(), fused: true },
      'fused is true, but optimizer is a function; give fused to the optimizer',
    ],
    ['revcol_tiny', { optimizer: 'adamw8bit' }, `moments '8bit' need a kernel that backend 'cpu'`],
    ['revcol_unknown', {}, 'revcol_unknown'],
  ])('%s with %j is refused', (name, options, message) => {
    expect(() => memoryPlan(name as 'revcol_tiny', { backend: 'cpu', ...options })).toThrow(
      message,
    );
  });

  test('a model with adapters on, or with a mode of its own to change, is refused', () => {
    const model = createModel('revcol_tiny', optionsOf(SMALL));
    expect(() => memoryPlan(model, { backprop: 'stored' })).toThrow('has a mode of its own');
    addAdapters(model, { rank: 1 });
    expect(() => memoryPlan(model)).toThrow('has adapters on');
    model.dispose();
  });
});
