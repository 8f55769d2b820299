/** AdamW saved and loaded with its model: training goes on exactly, whatever tfjs calls the weights. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { layerDecayGroups } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';
import { expectNoLeak, useBackend } from '../support/backends';
import {
  columns,
  compile,
  dense,
  free,
  freeModels,
  nested,
  own,
  train,
  trainOnly,
  valuesOf,
  weightsOf,
} from './support/adamw_models';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-adamw-'));

beforeAll(() => useBackend('cpu'));
afterEach(freeModels);
afterAll(() => fs.rmSync(folder, { recursive: true }));

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
        if (chance(0.5)) free(old);
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
    free(await inMemory()(model));
  };
  await reload();
  await expectNoLeak(reload);
  await expectNoLeak(() => train(model, 2));
});
