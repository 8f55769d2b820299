/** Saved training that is not that of the parts it is loaded into, or no saved training: nothing changes. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  type AdamWArgs,
  addAdapters,
  createModel,
  Ema,
  layers,
  loadTraining,
  mergeAdapters,
  saveTraining,
  seedTraining,
  SGD,
  type TrainingParts,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

/** Layers by name, with their widths, over 3 features. */
function dense(widths: Readonly<Record<string, number>>): tf.LayersModel {
  const input = tf.input({ shape: [3] });
  const output = Object.entries(widths).reduce(
    (x, [name, units]) => tf.layers.dense({ name, units }).apply(x) as tf.SymbolicTensor,
    input,
  );
  const model = tf.model({ inputs: input, outputs: output });
  randomizeWeights(model.weights, 1);
  return model;
}

const STANDARD = { a: 4, b: 2 };
const adamw = (args: AdamWArgs = {}) => new AdamW({ learningRate: 0.1, ...args });

function train({ model, optimizer }: TrainingParts, steps = 1): void {
  const shape = (model.inputs[0] as tf.SymbolicTensor).shape.slice(1) as number[];
  for (let i = 0; i < steps; i++) {
    tf.tidy(() => {
      const x = normalTensor([2, ...shape], i);
      trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y)) as tf.Scalar);
    });
  }
}

async function savedFrom(parts: TrainingParts, steps = 1): Promise<Blob> {
  train(parts, steps);
  const blob = await saveTraining(null, { ...parts, step: steps });
  free(parts);
  return blob;
}

function free({ model, optimizer, variables = [] }: TrainingParts): void {
  optimizer.dispose();
  model.dispose();
  tf.dispose([...variables]);
}

/** Everything that training would change. */
async function stateOf({ model, optimizer, variables = [] }: TrainingParts): Promise<string> {
  const kept = [
    ...model.weights.map((w) => w.read()),
    ...variables,
    ...(await optimizer.getWeights()).map(({ tensor }) => tensor),
  ];
  return JSON.stringify(await Promise.all(kept.map(async (t) => [...(await t.data())])));
}

describeBackends('loading training into other parts', () => {
  /** Asserts that loading fails with this message and changes nothing. */
  async function expectRefused(
    blob: Blob,
    parts: TrainingParts,
    message: string,
    code = 'mismatch',
  ): Promise<void> {
    const before = await stateOf(parts);
    await expectNoLeak(async () => {
      const loading = loadTraining(blob, parts);
      await expect(loading).rejects.toThrow(message);
      await expect(loading).rejects.toMatchObject({ name: 'CheckpointError', code });
    });
    expect(await stateOf(parts)).toBe(before);
  }

  test.each<[string, () => TrainingParts, string]>([
    [
      'another width',
      () => ({ model: dense({ a: 5, b: 2 }), optimizer: adamw() }),
      'of another shape or type: model/a/kernel [3, 4], here [3, 5], model/a/bias [4], here [5], model/b/kernel',
    ],
    [
      'another layer',
      () => ({ model: dense({ a: 4, c: 2 }), optimizer: adamw() }),
      'saved, but not here: model/b/kernel, model/b/bias; here, but not saved: model/c/kernel, model/c/bias',
    ],
    [
      'a variable beside the model',
      () => ({
        model: dense(STANDARD),
        optimizer: adamw(),
        variables: [tf.variable(tf.scalar(1))],
      }),
      'here, but not saved: variables/0',
    ],
    [
      'another optimizer',
      () => ({ model: dense(STANDARD), optimizer: new SGD() }),
      'the optimizer that was saved is AdamW, the one given is SGD',
    ],
    [
      "tfjs's optimizer",
      () => ({ model: dense(STANDARD), optimizer: tf.train.adam() }),
      'the optimizer that was saved is AdamW, the one given is Adam',
    ],
    [
      'other arguments',
      () => ({ model: dense(STANDARD), optimizer: adamw({ beta1: 0.8, clipWeightNorm: 1 }) }),
      'AdamW was made with other arguments: beta1 was 0.9, here 0.8, clipWeightNorm was undefined, here 1',
    ],
    [
      'other groups',
      () => {
        const groups = [{ names: 'a/kernel', learningRateScale: 0.5 }];
        return { model: dense(STANDARD), optimizer: adamw({ groups }) };
      },
      'groups gave model/a/kernel the factor 1 of the learning rate and weight decay 0.01, here 0.5 and 0.01',
    ],
    [
      'a seed',
      () => {
        const optimizer = adamw();
        seedTraining(optimizer, 3);
        return { model: dense(STANDARD), optimizer };
      },
      'the seed of seedTraining was none, here 3',
    ],
    [
      'averages',
      () => {
        const ema = { getWeights: async () => [], setWeights: async () => undefined };
        return { model: dense(STANDARD), optimizer: adamw(), ema };
      },
      'no averages of the weights are saved',
    ],
    [
      'frozen weights',
      () => {
        const model = dense(STANDARD);
        (model.layers[1] as tf.layers.Layer).trainable = false;
        return { model, optimizer: adamw() };
      },
      'other weights are trained than when it was saved: model/a/kernel, model/a/bias were trained then',
    ],
  ])('%s', async (_, make, message) => {
    const blob = await savedFrom({ model: dense(STANDARD), optimizer: adamw() });
    const parts = make();
    await expectRefused(blob, parts, message);
    // Nor anything of one that has been trained itself.
    if (parts.variables == null) train(parts);
    await expectRefused(blob, parts, message);
    free(parts);
  });

  test('weights that were frozen, variables and averages that are not given', async () => {
    const model = dense(STANDARD);
    (model.layers[2] as tf.layers.Layer).trainable = false;
    const parts = { model, optimizer: adamw(), variables: [tf.variable(tf.scalar(1))] };
    const ema = { getWeights: async () => [], setWeights: async () => undefined };
    train(parts);
    const blob = await saveTraining(null, { ...parts, ema, step: 1 });
    const bare: TrainingParts = { model: dense(STANDARD), optimizer: adamw() };
    await expectRefused(blob, bare, 'saved, but not here: variables/0');
    const thawed = { ...bare, variables: parts.variables };
    await expectRefused(blob, thawed, 'model/b/kernel, model/b/bias were frozen then');
    await expectRefused(blob, parts, 'pass ema');
    free(bare);
    free(parts);
  });

  test('averages with another decay, and such as are applied', async () => {
    const parts = { model: dense(STANDARD), optimizer: adamw() };
    const ema = new Ema(parts.model, { decay: 0.9 });
    const blob = await saveTraining(null, { ...parts, ema, step: 0 });
    const other = new Ema(parts.model, { decay: 0.99, warmup: true });
    await expectRefused(
      blob,
      { ...parts, ema: other },
      'decay was 0.9, here 0.99, warmup was false, here true',
    );
    await loadTraining(blob, { ...parts, ema: other }, { hyperparameters: 'any' });
    ema.apply();
    await expect(saveTraining(null, { ...parts, ema, step: 0 })).rejects.toThrow(
      'call ema.restore() first',
    );
    await expect(loadTraining(blob, { ...parts, ema })).rejects.toThrow('call ema.restore() first');
    [ema, other].forEach((average) => average.dispose());
    free(parts);
  });

  test('adapters: none, others, merged', async () => {
    const make = (rank?: number, alpha = 4) => {
      const model = createModel('revcol_tiny', {
        ...{ columns: 1, channels: [4, 4], depths: [1, 1], numClasses: 2, inputShape: [8, 8, 3] },
      });
      if (rank !== undefined) addAdapters(model, { rank, alpha });
      return { model, optimizer: adamw() };
    };
    const blob = await savedFrom(make(2));
    const fine = make(2);
    expect(await loadTraining(blob, fine)).toEqual({ step: 1, extra: undefined });
    train(fine);
    mergeAdapters(fine.model);
    await expect(loadTraining(blob, fine)).rejects.toThrow('call unmergeAdapters first');
    await expect(saveTraining(null, { ...fine, step: 1 })).rejects.toThrow('unmergeAdapters first');
    for (const [parts, message] of [
      [make(), 'call addAdapters(model, {rank: 2, alpha: 4, ...}) first'],
      [make(2, 8), 'have rank 2 and alpha 8; those that were saved have rank 2 and alpha 4'],
    ] as const) {
      await expectRefused(blob, parts, message);
      free(parts);
    }
    free(fine);
    const plain = await savedFrom(make());
    const adapted = make(2);
    await expectRefused(plain, adapted, 'has adapters, the model that was saved had none');
    free(adapted);
  });

  test('what may differ: the learning rate, which is loaded; fused; names; other arguments if allowed', async () => {
    const groups = [{ names: 'head', weightDecay: 0.5 }];
    const made = (options: AdamWArgs) => {
      const model = tf.sequential({
        layers: [layers.revColHead({ units: 2, inputShape: [2, 2, 3] })],
      });
      randomizeWeights(model.weights, 1);
      return { model, optimizer: adamw({ groups, ...options }) };
    };
    const first = made({});
    first.optimizer.learningRate = 0.03;
    const blob = await savedFrom(first, 2);
    const other = made({ fused: true, learningRate: 0.5 });
    expect(other.model.weights[0]?.originalName).not.toBe(made({}).model.weights[0]?.originalName);
    await loadTraining(blob, other);
    expect(other.optimizer.learningRate).toBe(0.03);
    expect(other.optimizer.iterations).toBe(2);
    free(other);
    const changed = made({ weightDecay: 0.2, beta2: 0.9 });
    await expectRefused(blob, changed, "pass hyperparameters: 'any'");
    await loadTraining(blob, changed, { hyperparameters: 'any' });
    expect(changed.optimizer.getConfig()).toMatchObject({ weightDecay: 0.2, learningRate: 0.03 });
    train(changed);
    free(changed);
  });

  test('state of a kind that the optimizer does not keep', async () => {
    const blob = await savedFrom({
      model: dense(STANDARD),
      optimizer: new SGD({ momentum: 0.9 }),
    });
    const parts = { model: dense(STANDARD), optimizer: new SGD() };
    const before = await stateOf(parts);
    await expect(loadTraining(blob, parts, { hyperparameters: 'any' })).rejects.toThrow(
      '(velocity) is nothing that this SGD keeps (nothing)',
    );
    expect(await stateOf(parts)).toBe(before);
    free(parts);
  });
});

describe('saving what cannot be resumed', () => {
  const parts = () => ({ model: dense(STANDARD), optimizer: adamw() as tf.Optimizer });

  test('an optimizer that does not save', async () => {
    const given = { ...parts(), optimizer: tf.train.adamax(0.1) };
    const saving = saveTraining(null, { ...given, step: 0 });
    await expect(saving).rejects.toMatchObject({ code: 'unsupported' });
    await expect(saving).rejects.toThrow('optimizer Adamax cannot be saved');
    free(given);
  });

  test('state of a weight that is not saved', async () => {
    const given = parts();
    const other = dense({ c: 2 });
    train({ model: other, optimizer: given.optimizer });
    await expect(saveTraining(null, { ...given, step: 0 })).rejects.toThrow(
      'keeps state for the variable c/kernel',
    );
    other.dispose();
    // Its weight is gone, so that no step needs it.
    const blob = await saveTraining(null, { ...given, step: 0 });
    const same = parts();
    await loadTraining(blob, same);
    train(same);
    free(same);
    free(given);
  });

  test('while training goes on', async () => {
    const given = parts();
    const saving = saveTraining(null, { ...given, step: 0 });
    train(given);
    await expect(saving).rejects.toThrow(
      'training went on to iteration 1 while iteration 0 was being saved; await saveTraining',
    );
    free(given);
  });

  test.each<[string, unknown, string]>([
    ['a function', { f: () => 1 }, 'extra.f is a function f'],
    ['a number that is none', [1, { x: NaN }], 'extra[1].x is NaN'],
    ['a date', [new Date(0)], 'extra[0] is a Date'],
    ['numbers of a typed array', new Float32Array(2), 'extra is a Float32Array'],
    ['a hole', new Array(2), 'extra[0] is undefined'],
    ['a big integer', 1n, 'extra is 1'],
  ])('%s beside it', async (_, extra, message) => {
    const given = parts();
    const saving = saveTraining(null, { ...given, step: 0, extra });
    await expect(saving).rejects.toThrow(`saveTraining: ${message}; expected plain JSON`);
    free(given);
  });

  test('an object that is part of itself', async () => {
    const given = parts();
    const extra: Record<string, unknown> = { shared: [1], also: null };
    extra['also'] = extra['shared'];
    await saveTraining(null, { ...given, step: 0, extra });
    extra['self'] = [extra];
    await expect(saveTraining(null, { ...given, step: 0, extra })).rejects.toThrow(
      'extra.self[0] is an object that is part of itself',
    );
    free(given);
  });
});
