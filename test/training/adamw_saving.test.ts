/** AdamW saved and loaded with its model: training goes on exactly, whatever tfjs calls the weights. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { AdamW, type AdamWArgs, layerDecayGroups, layers } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';
import { expectNoLeak, useBackend } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-adamw-'));
const models: tf.LayersModel[] = [];

beforeAll(() => useBackend('cpu'));
afterEach(() => {
  for (const model of models.splice(0)) {
    model.optimizer?.dispose();
    model.dispose();
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Remembers a model, so that it is freed. */
function own<T extends tf.LayersModel>(model: T): T {
  models.push(model);
  return model;
}

function dense(names: readonly string[], seed = 1): tf.LayersModel {
  const inputs = tf.input({ shape: [3] });
  const outputs = names.reduce(
    (x, name) =>
      tf.layers.dense({ name, units: 3, activation: 'tanh' }).apply(x) as tf.SymbolicTensor,
    inputs,
  );
  const model = own(tf.model({ inputs, outputs }));
  randomizeWeights(model.weights, seed);
  return model;
}

function nested(): tf.LayersModel {
  const inner = tf.sequential({
    name: 'inner',
    layers: [tf.layers.dense({ name: 'a', units: 4, inputShape: [3] })],
  });
  const outer = own(tf.sequential({ layers: [inner, tf.layers.dense({ name: 'b', units: 3 })] }));
  randomizeWeights(outer.weights, 2);
  return outer;
}

function columns(): tf.LayersModel {
  const backbone = { columns: 2, channels: [2, 3], depths: [1, 1], patchSize: 2 };
  const model = own(
    tf.sequential({
      layers: [
        layers.revColBackbone({ ...backbone, name: 'backbone', inputShape: [4, 4, 3] }),
        layers.revColHead({ name: 'head', units: 3 }),
      ],
    }),
  );
  randomizeWeights(model.weights, 3);
  return model;
}

function compile(model: tf.LayersModel, args: AdamWArgs | tf.Optimizer = {}): tf.LayersModel {
  const given = 'minimize' in args;
  const optimizer = given ? args : new AdamW({ learningRate: 0.05, weightDecay: 0.1, ...args });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

/** Values of all weights after some steps, always on the same batch. */
async function train(model: tf.LayersModel, steps: number): Promise<number[][]> {
  const shape = model.inputs[0]?.shape.slice(1) as number[];
  const [x, y] = [normalTensor([4, ...shape], 4), normalTensor([4, 3], 5)];
  for (let i = 0; i < steps; i++) await model.trainOnBatch(x, y);
  tf.dispose([x, y]);
  return valuesOf(model);
}

/** In an order that does not depend on what is frozen. */
function weightsOf(model: tf.LayersModel): tf.LayerVariable[] {
  return model.layers.flatMap((layer) => layer.weights);
}

function valuesOf(model: tf.LayersModel): number[][] {
  return weightsOf(model).map((w) => [...w.read().dataSync()]);
}

/** Freezes all layers but those named, and compiles again with the same optimizer. */
function trainOnly(model: tf.LayersModel, names: readonly string[]): void {
  for (const layer of model.layers) layer.trainable = names.includes(layer.name);
  compile(model, model.optimizer);
}

type Reload = (model: tf.LayersModel) => Promise<tf.LayersModel>;

/** What reaches a file is text; `edit` may change it. */
const inMemory =
  (edit: (saved: tf.io.ModelArtifacts) => void = () => undefined): Reload =>
  async (model) => {
    let saved = {} as tf.io.ModelArtifacts;
    const handler = tf.io.withSaveHandler(async (artifacts) => {
      const { weightData, ...rest } = artifacts;
      saved = { ...(JSON.parse(JSON.stringify(rest)) as tf.io.ModelArtifacts), weightData };
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    });
    await model.save(handler, { includeOptimizer: true });
    edit(saved);
    return own(await tf.loadLayersModel(tf.io.fromMemory(saved)));
  };

const asFiles: Reload = async (model) => {
  await model.save(`file://${folder}/model`, { includeOptimizer: true });
  return own(await tf.loadLayersModel(`file://${folder}/model/model.json`));
};

/** The state's names as another process would have them, where the model was the eighth. */
const fromElsewhere = inMemory(({ weightSpecs }) => {
  for (const spec of weightSpecs ?? []) {
    if (spec.group === 'optimizer') spec.name = spec.name.replace(/(_\d+)?\/([mv])$/, '_7/$2');
  }
});

const WAYS: [string, Reload][] = [
  ['in memory', inMemory()],
  ['as files', asFiles],
  ['with the names of another process', fromElsewhere],
];

describe.each(WAYS)('saved and loaded %s, AdamW goes on', (_title, reload) => {
  test.each<[string, () => tf.LayersModel]>([
    ['dense layers', () => dense(['a', 'b'])],
    ['layers without names', () => own(tf.sequential({ layers: unnamed() }))],
    ['a model in a model', nested],
    ['columns', columns],
  ])('with %s', async (_name, make) => {
    compile(make());
    const model = compile(make());
    await train(model, 3);
    const loaded = await reload(model);
    const again = await reload(loaded);
    expect(await train(loaded, 3)).toEqual(await train(model, 3));
    expect(await train(again, 3)).toEqual(valuesOf(model));
    const later = await reload(again);
    expect(await train(later, 2)).toEqual(await train(model, 2));
  });

  test('with groups by hand and by layer', async () => {
    const model = columns();
    const groups = [
      { names: 'backbone/column_0', learningRateScale: 0, weightDecay: 0 },
      { names: 'layer_scale$|gamma$', learningRateScale: 3, weightDecay: undefined as never },
      ...layerDecayGroups(model, { layerDecay: 0.5 }).map((g) =>
        g.names.includes('stem') ? { ...g, learningRateScale: 0, weightDecay: 0 } : g,
      ),
    ];
    compile(model, { groups });
    await train(model, 2);
    const loaded = await reload(await reload(model));
    const before = valuesOf(loaded);
    const after = await train(loaded, 2);
    expect(after).toEqual(await train(model, 2));
    weightsOf(loaded).forEach(({ originalName }, i) => {
      const still = /column_0|stem\/(projection|norm\/beta)/.test(originalName);
      expect([originalName, String(after[i]) === String(before[i])]).toEqual([originalName, still]);
    });
  });

  test('with layers frozen and unfrozen before and after', async () => {
    const names = ['a', 'b', 'c'];
    const schedule: string[][] = [['c'], ['a', 'c'], ['b'], names, ['a'], names];
    for (let saved = 1; saved < schedule.length; saved++) {
      const model = compile(dense(names, saved));
      let loaded = model;
      for (const [i, trained] of schedule.entries()) {
        if (i === saved) loaded = await reload(await reload(model));
        trainOnly(model, trained);
        const expected = await train(model, 2);
        if (loaded === model) continue;
        trainOnly(loaded, trained);
        expect({ saved, i, values: await train(loaded, 2) }).toEqual({
          saved,
          i,
          values: expected,
        });
      }
      expect((await stepsOf(loaded)).sort()).toEqual((await stepsOf(model)).sort());
    }
  });
});

test('whatever is frozen, saved, loaded and freed along the way, it is as if nothing was saved', async () => {
  const random = seededRandom(5);
  const chance = (p: number) => random() < p;
  for (let run = 0; run < 12; run++) {
    const names = ['l_0', 'l_1', 'l_2'];
    const groups = [
      { names: 'kernel$', weightDecay: 0.3, learningRateScale: 0.5 },
      { names: '^l_1/', learningRateScale: 2 },
    ];
    if (chance(0.5)) dense(names);
    const model = compile(dense(names, run), { groups });
    let loaded = compile(dense(names, run), { groups });
    const log: string[] = [];
    for (let i = 0; i < 6; i++) {
      if (chance(0.4)) {
        const old = loaded;
        loaded = await (chance(0.5) ? inMemory() : fromElsewhere)(old);
        log.push('load');
        if (chance(0.5)) {
          old.optimizer.dispose();
          old.dispose();
          models.splice(models.indexOf(old), 1);
        }
      }
      if (chance(0.3)) await loaded.optimizer.setWeights(await loaded.optimizer.getWeights());
      const some = names.filter(() => chance(0.6));
      const trained = some.length > 0 ? some : names;
      for (const m of [model, loaded]) trainOnly(m, trained);
      log.push(trained.join());
      expect({ log, values: await train(loaded, 1) }).toEqual({
        log,
        values: await train(model, 1),
      });
    }
  }
});

function unnamed(): tf.layers.Layer[] {
  return [tf.layers.dense({ units: 3, inputShape: [3] }), tf.layers.dense({ units: 3 })];
}

async function stepsOf(model: tf.LayersModel): Promise<number[]> {
  const weights = await model.optimizer.getWeights();
  return [...(weights[weights.length - 1]?.tensor.dataSync() as Int32Array)];
}

test('another save leaves no tensor behind', async () => {
  const model = compile(dense(['a', 'b']));
  await train(model, 1);
  const reload = async () => {
    const loaded = await inMemory()(model);
    models.pop();
    loaded.optimizer.dispose();
    loaded.dispose();
  };
  await reload();
  await expectNoLeak(reload);
  await expectNoLeak(() => train(model, 2));
});

describe('state given by hand', () => {
  test('its own changes nothing, at any time', async () => {
    const [model, twin] = [compile(dense(['a', 'b'])), compile(dense(['a', 'b']))];
    const optimizer = model.optimizer as AdamW;
    const old = await optimizer.getWeights();
    trainOnly(model, ['b']);
    trainOnly(twin, ['b']);
    await train(model, 2);
    await train(twin, 2);
    const own = await optimizer.getWeights();
    await optimizer.setWeights(own);
    trainOnly(model, ['a']);
    trainOnly(twin, ['a']);
    await expectNoLeak(async () => optimizer.setWeights(await optimizer.getWeights()));
    await train(model, 2);
    await train(twin, 2);
    await optimizer.setWeights(await optimizer.getWeights());
    trainOnly(model, ['a', 'b']);
    trainOnly(twin, ['a', 'b']);
    expect(await train(model, 2)).toEqual(await train(twin, 2));
    await expect(optimizer.setWeights(old)).resolves.toBeUndefined();
  });

  test('copies bring an earlier state back, without weights that joined later', async () => {
    const model = compile(dense(['a', 'b']));
    const optimizer = model.optimizer as AdamW;
    trainOnly(model, ['b']);
    await train(model, 2);
    const weights = weightsOf(model).map((w) => tf.clone(w.read()));
    const state = (await optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: tf.clone(tensor),
    }));
    trainOnly(model, ['a', 'b']);
    const expected = await train(model, 3);
    for (let i = 0; i < 2; i++) {
      await optimizer.setWeights(state);
      weightsOf(model).forEach((w, k) => w.write(weights[k] as tf.Tensor));
      expect(await train(model, 3)).toEqual(expected);
    }
    tf.dispose([weights, state.map(({ tensor }) => tensor)]);
  });

  test('it fits a model of other names by position', async () => {
    for (const [from, to] of [
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      // One name is the same, but of another layer.
      [
        ['l_1', 'l_2'],
        ['l_2', 'l_3'],
      ],
    ] as const) {
      const [model, other] = [compile(dense(from)), compile(dense(to))];
      await train(model, 3);
      other.setWeights(model.getWeights());
      await other.optimizer.setWeights(await model.optimizer.getWeights());
      expect(await train(other, 3)).toEqual(await train(model, 3));
    }
  });

  test('variables without names count by position, others by name in any order', () => {
    const run = async (names: (string | undefined)[], reversed: boolean) => {
      const make = () =>
        names.map((n, i) => tf.tidy(() => tf.variable(tf.fill([2], i + 1), true, n)));
      const step = (optimizer: AdamW, list: tf.Variable[]) =>
        optimizer.minimize(() => tf.sum(tf.square(tf.stack(list))), false, list);
      const [first, second] = [new AdamW(), new AdamW()];
      const before = make();
      for (let i = 0; i < 3; i++) step(first, before);
      await second.setWeights(await first.getWeights());
      const values = before.map((v) => tf.clone(v));
      step(first, before);
      const expected = before.map((v) => [...v.dataSync()]);
      tf.dispose(before);
      const after = make();
      after.forEach((v, i) => v.assign(values[i] as tf.Tensor));
      step(second, reversed ? [...after].reverse() : after);
      expect(after.map((v) => [...v.dataSync()])).toEqual(expected);
      tf.dispose([after, values]);
      first.dispose();
      second.dispose();
    };
    return expectNoLeak(async () => {
      await run([undefined, undefined], false);
      await run(['w_1', 'w_2'], false);
      await run(['w_1', 'w_2'], true);
    });
  });

  test('an optimizer goes on with a model that takes the place of one that is gone', async () => {
    const [model, twin] = [dense(['a', 'b']), compile(dense(['a', 'b']))];
    const optimizer = compile(model).optimizer;
    await train(model, 2);
    await train(twin, 2);
    const next = dense(['a', 'b']);
    next.setWeights(model.getWeights());
    model.dispose();
    models.splice(models.indexOf(model), 1);
    compile(next, optimizer);
    expect(await train(next, 2)).toEqual(await train(twin, 2));
    // What does not fit is freed with the weights that it belonged to.
    next.dispose();
    models.splice(models.indexOf(next), 1);
    const other = own(tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [5] })] }));
    compile(other, optimizer);
    await train(other, 1);
    expect((await optimizer.getWeights()).length).toBe(6);
  });

  test('what fits no weight is refused in the next step, and nothing changes', async () => {
    const [model, other] = [compile(dense(['a', 'b'])), compile(nested())];
    await train(model, 2);
    await train(other, 2);
    const before = valuesOf(other);
    await other.optimizer.setWeights(await model.optimizer.getWeights());
    const refused = /3 of 4 saved states fit no weight: 'a\/kernel_?\d*' \[3, 3\]/;
    await expect(train(other, 1)).rejects.toThrow(refused);
    await expect(train(other, 1)).rejects.toThrow('begin anew');
    expect(valuesOf(other)).toEqual(before);
    // It is still there, and still that of its own model.
    other.optimizer.dispose();
    compile(other);
    await train(other, 1);
  });

  test('names and order that contradict each other are refused', async () => {
    const model = compile(dense(['a', 'b']));
    trainOnly(model, ['a']);
    await train(model, 1);
    const state = await model.optimizer.getWeights();
    const optimizer = new AdamW();
    await optimizer.setWeights(state);
    compile(model, optimizer);
    trainOnly(model, ['b']);
    await expect(train(model, 1)).rejects.toThrow('is not clear from their names and order');
    trainOnly(model, ['a']);
    await train(model, 1);
    trainOnly(model, ['b']);
    await train(model, 1);
  });

  test('what is no state is refused at once, and nothing changes', async () => {
    const [model, twin] = [compile(dense(['a'])), compile(dense(['a']))];
    await train(model, 2);
    await train(twin, 2);
    const optimizer = model.optimizer as AdamW;
    const good = await optimizer.getWeights();
    const [iter, m, v] = good as [NamedTensor, NamedTensor, NamedTensor];
    const bad: [NamedTensor[], string][] = [
      [[], "no 'iter'"],
      [[m, v], "no 'iter'"],
      [[iter, m], `'${m.name}' is given without`],
      [[iter, v], `'${v.name}' is given without`],
      [[...good, m], `'${m.name}' is given twice`],
      [[...good, { ...m, name: 'x' }], "'x' is no state of an AdamW"],
      [[iter, m, { ...v, tensor: iter.tensor }], 'expected the weight'],
      [[{ name: 'iter', tensor: tf.scalar(-1) }, m, v], 'iter is -1'],
      [
        [...good.slice(0, -1), { name: 'RevColAdamW/steps', tensor: tf.tensor1d([1, 2, 3]) }],
        'expected a count for each of 2 weights',
      ],
      [
        [iter, ...['m', 'v'].map((k) => ({ name: `a/${k}`, tensor: tf.scalar(1, 'int32') }))],
        "the state of 'a' is int32",
      ],
    ];
    for (const [state, message] of bad) {
      await expect(expectNoLeak(() => optimizer.setWeights(state))).rejects.toThrow(message);
    }
    expect(await train(model, 2)).toEqual(await train(twin, 2));
  });

  test("Adam's own state is taken as well", async () => {
    const [model, twin] = [dense(['a', 'b']), dense(['a', 'b'])];
    compile(model, tf.train.adam(0.05));
    compile(twin, { weightDecay: 0 });
    await train(model, 3);
    await train(twin, 3);
    const adam = model.optimizer;
    const optimizer = new AdamW({ learningRate: 0.05, weightDecay: 0, epsilon: 1e-8 });
    await optimizer.setWeights(await adam.getWeights());
    compile(model, optimizer);
    const [got, expected] = [await train(model, 3), await train(twin, 3)];
    got.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i] as number, 4));
    adam.dispose();
  });
});

type NamedTensor = Awaited<ReturnType<AdamW['getWeights']>>[number];
