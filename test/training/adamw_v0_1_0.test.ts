/** Models that version 0.1.0 saved with AdamW's state go on as they did there. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { AdamW } from 'tfjs-revcol';
import { expectClose, useBackend } from '../support/backends';

const FIXTURES = path.join(import.meta.dirname, 'fixtures/v0.1.0');

interface Expected {
  x: number[];
  y: number[];
  losses: number[];
  weights: Record<string, number[]>;
}

const readJson = (...names: string[]): unknown =>
  JSON.parse(fs.readFileSync(path.join(FIXTURES, ...names), 'utf8'));

interface Manifest {
  modelTopology: object;
  trainingConfig: tf.io.TrainingConfig;
  weightsManifest: { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
}

/** The files in memory, for tfjs's own reading; `edit` may change them. */
function inMemory(name: string, edit: (saved: Manifest) => void = () => undefined) {
  const saved = readJson(name, 'model.json') as Manifest;
  edit(saved);
  const [{ paths, weights }] = saved.weightsManifest as [Manifest['weightsManifest'][number]];
  const bytes = fs.readFileSync(path.join(FIXTURES, name, paths[0] as string));
  return tf.io.fromMemory({
    modelTopology: saved.modelTopology,
    trainingConfig: saved.trainingConfig,
    weightSpecs: weights,
    weightData: Uint8Array.from(bytes).buffer,
  });
}

async function goesOn(model: tf.LayersModel, { x, y, losses, weights }: Expected): Promise<void> {
  const [inputs, targets] = [tf.tensor(x, [2, 4, 4, 3]), tf.tensor(y, [2, 2])];
  const got: number[] = [];
  while (got.length < losses.length)
    got.push((await model.trainOnBatch(inputs, targets)) as number);
  expectClose(got, losses, 1e-6, 'losses');
  expect(model.weights.map((w) => w.originalName)).toEqual(Object.keys(weights));
  for (const w of model.weights) {
    expectClose(w.read(), weights[w.originalName] as number[], 1e-6, w.originalName);
  }
  tf.dispose([inputs, targets]);
}

function free(model: tf.LayersModel): void {
  model.optimizer.dispose();
  model.dispose();
}

beforeAll(() => useBackend('cpu'));

describe.each(['first', 'second'])('the %s model of its process', (name) => {
  const expected = readJson(name, 'expected.json') as Expected;

  test('goes on, read as files, by tfjs, and saved again', async () => {
    const url = `file://${path.join(FIXTURES, name, 'model.json')}`;
    const models = [await tf.loadLayersModel(url), await tf.loadLayersModel(inMemory(name))];
    let artifacts = {} as tf.io.ModelArtifacts;
    const keep = tf.io.withSaveHandler(async (a) => {
      artifacts = a;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(a) };
    });
    await (models[1] as tf.LayersModel).save(keep, { includeOptimizer: true });
    models.push(await tf.loadLayersModel(tf.io.fromMemory(artifacts)));
    for (const model of models) await goesOn(model, expected);
    models.forEach(free);
  });
});

test('groups that cannot be told any more are refused, and can be given again', async () => {
  const expected = readJson('first', 'expected.json') as Expected;
  const broken = inMemory('first', ({ trainingConfig }) => {
    const { groups } = (trainingConfig.optimizer_config as unknown as { config: unknown })
      .config as { groups: { names: string }[] };
    (groups[0] as { names: string }).names = 'column[_0]+/level_[01]/.*layer_scale';
  });
  const model = await tf.loadLayersModel(broken);
  const before = model.weights.map((w) => [...w.read().dataSync()]);
  await expect(goesOn(model, expected)).rejects.toThrow('groups[0] was saved by tfjs-revcol 0.1.0');
  expect(model.weights.map((w) => [...w.read().dataSync()])).toEqual(before);

  const old = model.optimizer as AdamW;
  const { groups, ...args } = old.getConfig() as unknown as ConstructorParameters<
    typeof AdamW
  >[0] & {
    groups: { names: string }[];
  };
  (groups[0] as { names: string }).names = 'column_0/level_[01]/.*layer_scale';
  const optimizer = new AdamW({ ...args, groups });
  await optimizer.setWeights(await old.getWeights());
  model.compile({ optimizer, loss: 'meanSquaredError' });
  old.dispose();
  await goesOn(model, expected);
  free(model);
});

test('two states of one weight are refused', async () => {
  // Loaded in the process that had saved it, version 0.1.0 began anew beside what it had loaded, and
  // then saved both.
  const handler = inMemory('first');
  const saved = await (handler.load as () => Promise<tf.io.ModelArtifacts>)();
  const specs = saved.weightSpecs ?? [];
  const moments = specs.filter(({ group, name }) => group === 'optimizer' && name !== 'iter');
  const size = moments.reduce((sum, { shape }) => sum + 4 * tf.util.sizeFromShape(shape), 0);
  const data = saved.weightData as ArrayBuffer;
  const twice = {
    ...saved,
    weightSpecs: [
      ...specs,
      ...moments.map((m) => ({ ...m, name: m.name.replace(/\/([mv])$/, '_1/$1') })),
    ],
    weightData: tf.io.CompositeArrayBuffer.join([data, data.slice(-size)]),
  };
  const model = await tf.loadLayersModel(tf.io.fromMemory(twice));
  const before = model.weights.map((w) => [...w.read().dataSync()]);
  const expected = readJson('first', 'expected.json') as Expected;
  await expect(goesOn(model, expected)).rejects.toThrow('is not clear from their names and order');
  expect(model.weights.map((w) => [...w.read().dataSync()])).toEqual(before);
  free(model);
});
