/** Blocks that build their parts late, or hide them: gradients are right from the first step, or refused. */
import * as tf from '@tensorflow/tfjs';

import { layers, recompute, type RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { BACKENDS, expectNoLeak, useBackend } from '../../support/backends';
import { normalTensor } from '../../support/training_step';

beforeAll(() => useBackend(BACKENDS[0] as string));

type Layer = tf.layers.Layer;

/** Makes its parts in its first call; with batch normalisation and dropout, which must not run twice. */
class Late extends tf.layers.Layer {
  static className = 'LateOfFirstStepTests';
  private parts: Layer[] | null = null;
  private readonly lists: boolean;
  constructor(args: { lists?: boolean } = {}) {
    super(args as object);
    this.lists = args.lists ?? true;
  }
  override get trainableWeights(): tf.LayerVariable[] {
    return this.trainable && this.lists
      ? (this.parts ?? []).flatMap((p) => p.trainableWeights)
      : [];
  }
  override get nonTrainableWeights(): tf.LayerVariable[] {
    if (!this.lists) return [];
    return (this.parts ?? []).flatMap((p) => (this.trainable ? p.nonTrainableWeights : p.weights));
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor;
      this.parts ??= [
        tf.layers.dense({ units: x.shape.at(-1) as number, activation: 'tanh' }),
        tf.layers.batchNormalization({ momentum: 0.5 }),
        tf.layers.dropout({ rate: 0.5 }),
      ];
      const y = this.parts.reduce((t, part) => part.apply(t, kwargs) as tf.Tensor, x);
      return tf.add(x, y);
    });
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), lists: this.lists };
  }
}
tf.serialization.registerClass(Late, 'tfjs-revcol-tests');

/** Built, but never run. */
function make(args: RevColBackboneArgs = {}): RevColBackbone {
  const options = { columns: 2, channels: [6, 6], depths: [1, 1], block: new Late(), ...args };
  const backbone = layers.revColBackbone(options);
  backbone.apply(tf.input({ shape: [6] }));
  return backbone;
}

interface Step {
  loss: number;
  /** Of all trainable variables that were there before, that of the input among them. */
  gradients: Record<string, number[]>;
}

function step(run: (x: tf.Tensor) => tf.Tensor): Step {
  const x = tf.tidy(() => tf.variable(normalTensor([4, 6], 1), true, 'input_of_step'));
  try {
    // In a tidy: tfjs keeps the loss when its gradient throws.
    const { value, grads } = tidyAll(() =>
      tf.variableGrads(() => tf.mean(tf.square(run(x))).asScalar()),
    );
    const result = {
      loss: value.dataSync()[0] as number,
      gradients: Object.fromEntries(Object.entries(grads).map(([k, g]) => [k, [...g.dataSync()]])),
    };
    tf.dispose([value, grads]);
    return result;
  } finally {
    x.dispose();
  }
}

const training = (layer: Layer) => (x: tf.Tensor) =>
  layer.apply(x, { training: true }) as tf.Tensor;

function runOnce(layer: Layer): void {
  tf.tidy(() => void layer.apply(normalTensor([4, 6], 1)));
}

/** Runs `fn` with every seed that is drawn the same. */
function withOneSeed<T>(fn: () => T): T {
  const original = Math.random;
  Math.random = () => 0.37;
  try {
    return fn();
  } finally {
    Math.random = original;
  }
}

const statistics = (layer: Layer) =>
  layer.weights
    .filter((w) => /moving/.test(w.originalName))
    .map((w) => [...w.read().dataSync()].map((v) => v.toFixed(5)));

test('the first step has the gradient of the second, and moves statistics once', async () => {
  await expectNoLeak(() => {
    const backbone = make();
    const early = backbone.trainableWeights.length;
    const [first, moved, second] = withOneSeed(() => {
      const before = step(training(backbone));
      // In training the output does not depend on the statistics.
      return [before, statistics(backbone), step(training(backbone))] as const;
    });
    expect(moved).toHaveLength(8);
    expect(second.loss).toBe(first.loss);
    expect(Object.keys(first.gradients)).toHaveLength(early + 1);
    expect(Object.keys(second.gradients)).toHaveLength(backbone.trainableWeights.length + 1);
    expect(second.gradients).toMatchObject(first.gradients);

    // From the same weights, in the mode that never runs anything twice.
    const stored = make({ backprop: 'stored' });
    runOnce(stored);
    const values = backbone.weights.map((w) => {
      const value = w.read();
      if (!/moving/.test(w.originalName)) return tf.clone(value);
      return tf.fill(value.shape, /mean/.test(w.originalName) ? 0 : 1);
    });
    stored.setWeights(values);
    tf.dispose(values);
    expect(withOneSeed(() => step(training(stored)).loss)).toBeCloseTo(first.loss, 6);
    expect(statistics(stored)).toEqual(moved);
    for (const layer of [backbone, stored]) layer.dispose();
  });
});

test('recompute of a layer that builds itself in it: the first gradient is that of the second', () => {
  const late = new Late();
  const run = recompute((x: tf.Tensor) => training(late)(x));
  const [first, second] = withOneSeed(() => [step(run), step(run)] as const);
  expect(second.loss).toBe(first.loss);
  expect(second.gradients).toMatchObject(first.gradients);
  expect(Object.keys(second.gradients)).toHaveLength(5);
});

describe('a block that does not list the weights of its parts', () => {
  /** Variables that are made in `fn`. */
  function madeIn(fn: () => void): tf.Variable[] {
    const known = new Set(Object.keys(tf.engine().registeredVariables));
    fn();
    const after = Object.entries(tf.engine().registeredVariables);
    return after.filter(([name]) => !known.has(name)).map(([, v]) => v);
  }

  test('is refused in training; it may be run, or frozen', async () => {
    await expectNoLeak(() => {
      const backbone = make({ block: new Late({ lists: false }) });
      const hidden = madeIn(() => runOnce(backbone));
      expect(() => step(training(backbone))).toThrow(
        'LateOfFirstStepTests level_1/block_0 computes with variables that are not among its weights: ',
      );
      expect(() => step(training(backbone))).toThrow(/Dense\d+\/kernel.*Normalization\d+\/gamma/);
      runOnce(backbone);
      for (const column of backbone.columnLayers) {
        for (const layer of column.functionLayers) layer.trainable = false;
      }
      expect(Object.keys(step(training(backbone)).gradients).length).toBeGreaterThan(1);
      for (const variable of hidden) variable.dispose();
      backbone.dispose();
    });
  });

  test('is refused in its very first step, too', () => {
    const backbone = make({ block: new Late({ lists: false }) });
    expect(() => step(training(backbone))).toThrow(/LateOfFirstStepTests .* not among its weights/);
  });

  test('trains in stored mode, and runs where its parts are not to be trained', () => {
    const args = { block: new Late({ lists: false }) };
    const stored = make({ ...args, backprop: 'stored' });
    runOnce(stored);
    expect(Object.keys(step(training(stored)).gradients).some((k) => /Dense/.test(k))).toBe(true);
    const backbone = make(args);
    for (const variable of madeIn(() => runOnce(backbone))) variable.trainable = false;
    expect(Object.keys(step(training(backbone)).gradients).length).toBeGreaterThan(1);
  });
});
