/** Models as files: what fileSystem and file:// write and read, and what they refuse. */
import * as fs from 'node:fs';
import * as promises from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';

import { fileSystem } from 'tfjs-revcol/node';
import { registerFileRouters } from '../../src/model_files/register_routers';
import { BACKENDS, expectNoLeak, useBackend } from '../support/backends';
import { normalTensor } from '../support/training_step';

// As they are, but so that a test can make one fail.
jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof promises>('node:fs/promises');
  return { ...actual, open: jest.fn(actual.open), rename: jest.fn(actual.rename) };
});

let root: string;
let model: tf.LayersModel;
const x = () => normalTensor([2, 3], 1);

beforeAll(async () => {
  await useBackend(BACKENDS[0] as string);
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-files-'));
  model = tf.sequential({
    layers: [
      tf.layers.dense({ name: 'first', units: 4, inputShape: [3] }),
      tf.layers.dense({ name: 'second', units: 2 }),
    ],
  });
});
afterAll(() => {
  model.dispose();
  fs.rmSync(root, { recursive: true });
});

const shards = (folder: string) => fs.readdirSync(folder).filter((name) => /bin$/.test(name));
const json = (folder: string) =>
  JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8')) as tf.io.ModelJSON;

async function expectSame(loading: Promise<tf.LayersModel>): Promise<void> {
  const loaded = await loading;
  tf.tidy(() => {
    const [a, b] = [model, loaded].map((m) => (m.predict(x()) as tf.Tensor).dataSync());
    expect(b).toEqual(a);
  });
  loaded.dispose();
}

/** The weights as one run of bytes. */
async function bytesOf(m: tf.LayersModel): Promise<Buffer> {
  let data: tf.io.WeightData | undefined;
  await m.save(
    tf.io.withSaveHandler(async (artifacts) => {
      data = artifacts.weightData;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return Buffer.from(tf.io.CompositeArrayBuffer.join(data));
}

test('saves to file:// and loads from it: the file, and the folder', async () => {
  const folder = path.join(root, 'new', 'folder');
  const result = await model.save(`file://${folder}`);
  expect(result.modelArtifactsInfo).toMatchObject({
    modelTopologyType: 'JSON',
    weightDataBytes: 104,
  });
  expect(fs.readdirSync(folder)).toHaveLength(2);
  await expectNoLeak(() => expectSame(tf.loadLayersModel(`file://${folder}/model.json`)));
  await expectSame(tf.loadLayersModel(`file://${folder}`));
  const relative = path.relative(process.cwd(), folder);
  await expectSame(tf.loadLayersModel(`file://${relative}/model.json`));
});

test('takes paths and URL objects, also with spaces', async () => {
  const folder = path.join(root, 'with a space %20');
  await model.save(fileSystem(pathToFileURL(folder)));
  expect(fs.existsSync(path.join(folder, 'model.json'))).toBe(true);
  await expectSame(tf.loadLayersModel(fileSystem(folder)));
  await expectSame(tf.loadLayersModel(fileSystem(pathToFileURL(`${folder}/model.json`))));
});

test.each([1, 7, 40, 103, 104, 105])('shards of %d bytes hold the same weights', async (bytes) => {
  const folder = path.join(root, `shards-${bytes}`);
  await model.save(fileSystem(folder, { shardBytes: bytes }));
  const { paths } = json(folder).weightsManifest[0] as tf.io.WeightsManifestConfig[number];
  expect(paths).toHaveLength(Math.ceil(104 / bytes));
  expect(shards(folder)).toHaveLength(paths.length);
  const sizes = paths.map((name) => fs.statSync(path.join(folder, name)).size);
  expect(Math.max(...sizes)).toBe(Math.min(bytes, 104));
  const written = Buffer.concat(paths.map((name) => fs.readFileSync(path.join(folder, name))));
  expect(written).toEqual(await bytesOf(model));
  await expectSame(tf.loadLayersModel(fileSystem(folder)));
});

test('keeps training configuration, optimizer state and metadata', async () => {
  const folder = path.join(root, 'compiled');
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const y = tf.ones([2, 2]);
  const input = x();
  await model.fit(input, y, { verbose: 0, epochs: 2 });
  tf.dispose([y, input]);
  model.setUserDefinedMetadata({ labels: ['a', 'b'] });
  await model.save(fileSystem(folder), { includeOptimizer: true });
  expect(json(folder)).toMatchObject({ format: 'layers-model', trainingConfig: {} });
  const loaded = await tf.loadLayersModel(fileSystem(folder));
  expect(loaded.getUserDefinedMetadata()).toEqual({ labels: ['a', 'b'] });
  const states = await Promise.all([model, loaded].map((m) => m.optimizer.getWeights()));
  const [expected, got] = states.map((list) => list.map((w) => w.tensor.dataSync()));
  expect(got).toEqual(expected);
  expect(got?.length).toBeGreaterThan(4);
  loaded.dispose();
});

test('reads several groups with several files each, under any name, quantized ones too', async () => {
  // As the tensorflowjs converter writes them.
  const folder = path.join(root, 'converted');
  await model.save(fileSystem(folder));
  const saved = json(folder);
  const specs = (saved.weightsManifest[0] as tf.io.WeightsManifestConfig[number]).weights;
  const bytes = await bytesOf(model);
  shards(folder).forEach((name) => fs.rmSync(path.join(folder, name)));
  const write = (name: string, data: Buffer) => fs.writeFileSync(path.join(folder, name), data);
  write('group1-shard1of2.bin', bytes.subarray(0, 30));
  write('group1-shard2of2.bin', bytes.subarray(30, 64));
  const rest = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 64, bytes.byteOffset + 104));
  const quantized = Uint8Array.from(rest, (v) => Math.round((v + 2) / 0.02));
  write('group2-shard1of1.bin', Buffer.from(quantized));
  const quantization = { dtype: 'uint8' as const, scale: 0.02, min: -2 };
  saved.weightsManifest = [
    { paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'], weights: specs.slice(0, 2) },
    {
      paths: ['group2-shard1of1.bin'],
      weights: specs.slice(2).map((spec) => ({ ...spec, quantization })),
    },
  ];
  fs.rmSync(path.join(folder, 'model.json'));
  write('other.json', Buffer.from(JSON.stringify(saved)));
  const loaded = await tf.loadLayersModel(`file://${folder}/other.json`);
  const values = (m: tf.LayersModel) => m.getWeights().map((w) => [...w.dataSync()]);
  const [got, expected] = [values(loaded), values(model)];
  expect(got.slice(0, 2)).toEqual(expected.slice(0, 2));
  got
    .slice(2)
    .forEach((w, i) =>
      w.forEach((v, k) =>
        expect(Math.abs(v - (expected[i + 2]?.[k] as number))).toBeLessThan(0.0101),
      ),
    );
  loaded.dispose();
});

describe('a second save', () => {
  test('replaces the first, and removes its weights', async () => {
    const folder = path.join(root, 'twice');
    await model.save(fileSystem(folder, { shardBytes: 30 }));
    fs.writeFileSync(path.join(folder, 'notes.bin'), 'mine');
    await model.save(fileSystem(folder));
    expect(shards(folder)).toHaveLength(2);
    expect(fs.readFileSync(path.join(folder, 'notes.bin'), 'utf8')).toBe('mine');
    await expectSame(tf.loadLayersModel(fileSystem(folder)));
  });

  test('leaves weights that another program wrote', async () => {
    const folder = path.join(root, 'foreign');
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'weights.bin'), 'old');
    const manifest = [{ paths: ['weights.bin', '../elsewhere.bin'], weights: [] }];
    fs.writeFileSync(
      path.join(folder, 'model.json'),
      JSON.stringify({ weightsManifest: manifest }),
    );
    await model.save(fileSystem(folder));
    expect(fs.existsSync(path.join(folder, 'weights.bin'))).toBe(true);
    await expectSame(tf.loadLayersModel(fileSystem(folder)));
  });

  test('changes what the folder holds in one step, the last one', async () => {
    const folder = path.join(root, 'at-once');
    await model.save(fileSystem(folder));
    const other = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    const rename = jest.mocked(promises.rename);
    const original = rename.getMockImplementation() as typeof promises.rename;
    let steps = 0;
    rename.mockImplementation(async (from, to) => {
      steps += 1;
      // As if the process had died here: the first model is whole.
      await expectSame(tf.loadLayersModel(fileSystem(folder)));
      await original(from, to);
    });
    try {
      await other.save(fileSystem(folder));
    } finally {
      rename.mockImplementation(original);
      other.dispose();
    }
    expect(steps).toBe(1);
    const loaded = await tf.loadLayersModel(fileSystem(folder));
    expect(loaded.countParams()).toBe(2);
    loaded.dispose();
  });

  test.each([
    ['open', 1],
    ['open', 2],
    ['rename', 1],
  ] as const)('that fails at %s number %d leaves the first', async (call, number) => {
    const folder = path.join(root, `failing-${call}-${number}`);
    await model.save(fileSystem(folder));
    const before = fs.readdirSync(folder).sort();
    const spy = jest.mocked(promises[call] as (...args: unknown[]) => Promise<unknown>);
    const original = spy.getMockImplementation() as typeof spy;
    let calls = 0;
    spy.mockImplementation((...args) => {
      calls += 1;
      return calls === number ? Promise.reject(new Error('disk full')) : original(...args);
    });
    try {
      await expect(model.save(fileSystem(folder))).rejects.toThrow(
        `${folder} cannot be written: disk full`,
      );
      expect(calls).toBe(number);
    } finally {
      spy.mockImplementation(original);
    }
    expect(fs.readdirSync(folder).sort()).toEqual(before);
    await expectSame(tf.loadLayersModel(fileSystem(folder)));
  });
});

describe('refuses', () => {
  /** A saved model, spoilt. */
  async function spoilt(name: string, spoil: (folder: string) => void): Promise<string> {
    const folder = path.join(root, name);
    await model.save(fileSystem(folder, { shardBytes: 60 }));
    spoil(folder);
    return folder;
  }
  const first = (folder: string) =>
    path.join(folder, json(folder).weightsManifest[0]?.paths[0] ?? '');

  test.each<[string, (folder: string) => void, code: string, message: RegExp]>([
    [
      'a missing model.json',
      (f) => fs.rmSync(path.join(f, 'model.json')),
      'io',
      /model\.json does not exist; expected a model\.json or the folder that model\.save wrote/,
    ],
    [
      'a missing shard',
      (f) => fs.rmSync(first(f)),
      'io',
      /weights-\w+\.1of2\.bin, weights of .*model\.json, cannot be read: .*ENOENT/,
    ],
    [
      'a shard cut short',
      (f) => fs.truncateSync(first(f), 59),
      'corrupt',
      /1of2\.bin, weights-\w+\.2of2\.bin beside .*: 103 bytes where its weights take 104/,
    ],
    [
      'a shard with more in it',
      (f) => fs.appendFileSync(first(f), 'x'),
      'corrupt',
      /105 bytes where its weights take 104; save or copy the model again/,
    ],
    [
      'text that is not JSON',
      (f) => fs.truncateSync(path.join(f, 'model.json'), 40),
      'format',
      /model\.json is not JSON/,
    ],
    [
      'JSON of something else',
      (f) => fs.writeFileSync(path.join(f, 'model.json'), '{"a":1}'),
      'format',
      /has neither modelTopology nor weightsManifest; expected the model\.json of a tfjs model/,
    ],
    [
      'JSON of nothing',
      (f) => fs.writeFileSync(path.join(f, 'model.json'), 'null'),
      'format',
      /has neither modelTopology nor weightsManifest/,
    ],
    [
      'a manifest of another form',
      (f) => fs.writeFileSync(path.join(f, 'model.json'), '{"weightsManifest":[{"paths":"a"}]}'),
      'format',
      /weightsManifest is not a list of \{ paths, weights/,
    ],
  ])('%s', async (title, spoil, code, message) => {
    const folder = await spoilt(title.replace(/ /g, '-'), spoil);
    await expectNoLeak(async () => {
      const loading = tf.loadLayersModel(fileSystem(folder));
      await expect(loading).rejects.toMatchObject({ name: 'CheckpointError', code });
      await expect(tf.loadLayersModel(`file://${folder}/model.json`)).rejects.toThrow(message);
    });
  });

  test('a folder that does not exist', async () => {
    await expect(tf.loadLayersModel(`file://${root}/nowhere`)).rejects.toThrow(
      `${root}/nowhere does not exist; expected a model.json or the folder that model.save wrote`,
    );
  });

  test('to save where a file is', async () => {
    const file = path.join(root, 'file');
    fs.writeFileSync(file, 'mine');
    await expect(model.save(fileSystem(file))).rejects.toMatchObject({ code: 'io' });
    expect(fs.readFileSync(file, 'utf8')).toBe('mine');
  });

  test('a topology that is not JSON', async () => {
    const { save } = fileSystem(path.join(root, 'binary'));
    await expect(save({ modelTopology: new ArrayBuffer(4) })).rejects.toThrow(/binary/);
    expect(fs.existsSync(path.join(root, 'binary'))).toBe(false);
  });

  test('weights that do not fit their shapes', async () => {
    const { save } = fileSystem(path.join(root, 'unfit'));
    const weightSpecs = [{ name: 'w', shape: [2], dtype: 'float32' as const }];
    const saving = save({ modelTopology: {}, weightSpecs, weightData: new ArrayBuffer(4) });
    await expect(saving).rejects.toThrow('4 bytes of weights given where their shapes take 8');
    expect(fs.existsSync(path.join(root, 'unfit'))).toBe(false);
  });

  test.each([0, 1.5, NaN])('shards of %d bytes', (shardBytes) => {
    expect(() => fileSystem(root, { shardBytes })).toThrow(
      `fileSystem: shardBytes is ${shardBytes}; expected an integer of at least 1`,
    );
  });

  test('an empty path', () => {
    expect(() => fileSystem('')).toThrow('fileSystem: the path is empty; give a folder or a file');
    for (const address of ['https://host/model.json', 'file:///a%zz'])
      expect(() => fileSystem(new URL(address))).toThrow(
        `fileSystem: ${address} is no file here (`,
      );
  });
});

describe('the router', () => {
  const handlers = () => [
    tf.io.getLoadHandlers('file://anything'),
    tf.io.getSaveHandlers('file://anything'),
  ];

  test('answers file:// once, however often it is registered, and nothing else', () => {
    registerFileRouters();
    expect(handlers().map((found) => found.length)).toEqual([1, 1]);
    expect(tf.io.getLoadHandlers('gopher://anything')).toEqual([]);
    expect(tf.io.getLoadHandlers(['file://topology.pb', 'file://weights.json'])).toEqual([]);
  });

  test('gives way to one that is registered later, as that of tfjs-node', () => {
    const other = { load: async () => ({}), save: async () => ({}) } as unknown as tf.io.IOHandler;
    const none = null as unknown as tf.io.IOHandler;
    const route = (url: string | string[]) => (String(url).startsWith('file://any') ? other : none);
    tf.io.registerLoadRouter(route);
    tf.io.registerSaveRouter(route);
    expect(handlers()).toEqual([[other], [other]]);
    expect(tf.io.getLoadHandlers('file://else')).toHaveLength(1);
  });
});
