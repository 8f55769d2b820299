/** How pictures are prepared and what classes are called: with models, through files, and what is no such thing. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  type Checkpoint,
  createModel,
  detect,
  evaluate,
  loadAdapters,
  loadCheckpoint,
  mergeAdapters,
  openCheckpoint,
  preprocess,
  preprocessingOf,
  removeAdapters,
  saveAdapters,
  saveCheckpoint,
  segment,
  tensorSource,
  unmergeAdapters,
} from 'tfjs-revcol';
import { convertCheckpoint, type ConvertOptions, filesSink } from 'tfjs-revcol/convert';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { filesOf, load } from '../convert/loaded';
import { tinyDetector } from '../finetune/detector_support';
import { TINY as SEGMENTER, tinySegmenter } from '../finetune/segmenter_support';
import { randomizeWeights } from '../support/training_step';
import { smallModel, tensorsOf, valuesOf } from './support/small_checkpoint';

const KEY = 'tfjs_revcol';
const [MEAN, STD] = [
  [0.5, 0.25, 0.75],
  [0.2, 0.5, 1],
];
const NAMES = ['a', 'b', 'c', 'd'];
/** What `fineTune` saves with a classifier. */
const FACTS = {
  classNames: NAMES,
  ...{ mean: MEAN, std: STD, crop: 'squash', interpolation: 'bicubic', upright: true },
};
const IMAGE = {
  width: 9,
  height: 11,
  data: Uint8Array.from({ length: 9 * 11 * 3 }, (_, i) => (i * 37) % 256),
};

const kept: tf.LayersModel[] = [];
const keep = <Model extends tf.LayersModel>(model: Model): Model => {
  kept.push(model);
  return model;
};
const small = (options = {}) => keep(smallModel(1, options));
const told = (model: tf.LayersModel) => model.getUserDefinedMetadata() ?? {};
const predicted = (model: tf.LayersModel) =>
  tf.tidy(() => {
    const y = model.predict(preprocess(IMAGE, preprocessingOf(model)));
    return Array.from((y as tf.Tensor).dataSync());
  });

beforeAll(() => tf.setBackend('wasm'));
afterEach(() => {
  for (const model of kept.splice(0)) model.dispose();
});

/** A model as tfjs saves and loads it. */
async function reloaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts = {};
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler);
  const { weightData, ...others } = saved;
  const copy = JSON.parse(JSON.stringify(others)) as tf.io.ModelArtifacts;
  return keep(await tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData })));
}

describe.each(['safetensors', 'openmmlab'] as const)('through a file of %s', (format) => {
  test('a classifier answers as before, and gives its names', async () => {
    const model = small();
    model.setUserDefinedMetadata({ ...FACTS, note: 'not of this package' });
    const file = await saveCheckpoint(model, undefined, { format });
    const other = keep(smallModel(2));
    other.setUserDefinedMetadata({ mean: [0, 0, 0], note: 'its own' });
    const report = await loadCheckpoint(other, file);
    expect(report.classes).toEqual(NAMES);
    // The size is that of its layers, and what is not of pictures or classes stays.
    expect(told(other)).toEqual({ ...FACTS, note: 'its own' });
    expect(predicted(other)).toEqual(predicted(model));
    expect(predicted(await reloaded(other))).toEqual(predicted(model));
  });

  test('a segmenter, and its windows', async () => {
    const facts = { classNames: ['x', 'y'], mean: MEAN, std: STD, shortSide: 24, upright: true };
    const sizes = { inputSize: [16, 16], slideStride: 5 };
    const model = keep(tinySegmenter());
    model.setUserDefinedMetadata({ ...facts, ...sizes });
    const file = await saveCheckpoint(model, undefined, { format });
    const other = keep(tinySegmenter());
    await loadCheckpoint(other, file);
    expect(told(other)).toEqual({ ...facts, ...sizes });
    // One of other classes has no names, and one for another task the statistics of the backbone's pixels alone.
    const five = keep(tinySegmenter({ numClasses: 5 }));
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    await loadCheckpoint(five, file, { head: 'skip' });
    const { mean, std, shortSide, upright } = facts;
    expect(told(five)).toEqual({ mean, std, shortSide, upright, ...sizes });
    const { channels, depths, patchSize } = SEGMENTER;
    const detector = keep(tinyDetector({ channels, depths, patchSize }));
    await loadCheckpoint(detector, file, { head: 'skip' });
    expect(told(detector)).toEqual({ mean: MEAN, std: STD });
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
  });

  test('a detector', async () => {
    const model = keep(tinyDetector());
    const facts = { classNames: ['x', 'y'], mean: MEAN, std: STD, shortSide: 24, longSide: 40 };
    model.setUserDefinedMetadata(facts);
    const file = await saveCheckpoint(model, undefined, { format });
    const other = keep(tinyDetector());
    await loadCheckpoint(other, file);
    expect(told(other)).toEqual(facts);
  });
});

describe('what a file says', () => {
  test('is beside the tensors, which are as without', async () => {
    const model = small();
    const without = await tensorsOf(model);
    model.setUserDefinedMetadata(FACTS);
    expect(await tensorsOf(model)).toEqual(without);
    const { metadata } = await openCheckpoint(await saveCheckpoint(model));
    expect([...metadata.keys()]).toEqual(['format', KEY]);
    const json = JSON.parse(metadata.get(KEY) as string) as unknown;
    expect(json).toEqual({ task: 'classification', ...FACTS, inputSize: [8, 8] });
  });

  test('of a model that normalises pixels itself, in the units of any model', async () => {
    const top = 255;
    const [pixelMean, pixelStd] = [MEAN, STD].map((values) => values.map((v) => v * top));
    const own = small({ pixelMean, pixelStd });
    own.setUserDefinedMetadata({ classNames: NAMES, crop: 'squash' });
    const plain = keep(smallModel(2));
    await loadCheckpoint(plain, await saveCheckpoint(own));
    const values = predicted(own);
    predicted(plain).forEach((value, i) => expect(value).toBeCloseTo(values[i] as number, 4));
    expect(preprocessingOf(plain)).toEqual({
      ...{ inputSize: [8, 8, 3], crop: 'squash', mean: MEAN, std: STD },
    });
    // What the layers do takes the place of what is saved.
    expect(preprocessingOf(own).mean).toEqual([0, 0, 0]);
  });

  test('what is given comes first: names, metadata, and options of the one who reads', async () => {
    const model = small();
    model.setUserDefinedMetadata(FACTS);
    const classes = ['p', 'q', 'r', 's'];
    const other = keep(smallModel(2));
    await loadCheckpoint(other, await saveCheckpoint(model, undefined, { classes }));
    expect(told(other)).toEqual({ ...FACTS, classNames: classes });
    const metadata = { [KEY]: JSON.stringify({ crop: 'center' }) };
    const mine = keep(smallModel(2));
    await loadCheckpoint(mine, await saveCheckpoint(model, undefined, { metadata }));
    expect(told(mine)).toEqual({ crop: 'center' });
    const { width, height, data } = IMAGE;
    const picture = await tensorSource({ data, shape: [1, height, width, 3] }, [0]);
    const lossBy = async (preprocessing: object) =>
      (await evaluate(other, picture, { preprocessing })).loss;
    const [saved, given] = [await lossBy({}), await lossBy({ mean: [0, 0, 0] })];
    other.setUserDefinedMetadata({ ...FACTS, mean: [0, 0, 0] });
    expect([given, saved === given]).toEqual([await lossBy({}), false]);
    await picture.close();
  });

  const converted = async (checkpoint: Checkpoint, options: ConvertOptions = {}) => {
    const { model } = await convertCheckpoint(checkpoint, filesSink(), options);
    return keep(await load(await filesOf(model)));
  };

  test('convertCheckpoint keeps it, unless others are given', async () => {
    const model = small();
    model.setUserDefinedMetadata(FACTS);
    const checkpoint = await openCheckpoint(await saveCheckpoint(model));
    const made = await converted(checkpoint);
    expect(told(made)).toEqual(FACTS);
    expect(made.inputs[0]?.shape).toEqual([null, 8, 8, 3]);
    const metadata = { mean: [0, 0, 0] };
    expect(told(await converted(checkpoint, { metadata }))).toEqual(metadata);
  });

  test('adapters bring along that of their task', async () => {
    const model = small();
    model.setUserDefinedMetadata(FACTS);
    addAdapters(model, { rank: 1 });
    const file = await saveAdapters(model);
    const other = small();
    other.setUserDefinedMetadata({ classNames: ['p', 'q', 'r', 's'] });
    await loadAdapters(other, file);
    expect(told(other)).toEqual(FACTS);
    const metadata = { [KEY]: '{"classNames":["a"]}' };
    const wrong = await saveAdapters(model, undefined, { metadata });
    await expect(loadAdapters(other, wrong)).rejects.toMatchObject({ code: 'mismatch' });
    expect(told(other)).toEqual(FACTS);
  });

  test('nothing where there is nothing: of features, and of files of others', async () => {
    const whole = small();
    const outputs = whole.getLayer('backbone').output as tf.SymbolicTensor;
    const features = tf.model({ inputs: whole.inputs, outputs });
    const { metadata } = await openCheckpoint(await saveCheckpoint(features));
    expect([...metadata.keys()]).toEqual(['format']);
    const blob = await writeSafetensors(await written(), undefined, { metadata: { classes: '4' } });
    const model = small();
    await loadCheckpoint(model, blob);
    expect(told(model)).toEqual({});
  });

  test('names in another form, as OpenMMLab writes them, count where they are as many as classes', async () => {
    const name = async (classes: string[]) => {
      const model = small();
      const metadata = { classes: JSON.stringify(classes) };
      const blob = await writeSafetensors(await written(), undefined, { metadata });
      expect((await loadCheckpoint(model, blob)).classes).toEqual(classes);
      return told(model);
    };
    expect(await name(NAMES)).toEqual({ classNames: NAMES });
    expect(await name(['x'])).toEqual({});
  });
});

/** Tensors of a model, to be written with any metadata. */
async function written() {
  const model = smallModel(3);
  const tensors = await tensorsOf(model);
  model.dispose();
  return tensors.map(({ name, shape, data }) => ({ name, shape, read: async () => data }));
}

/** What is no fact, and what is said of it. */
const WRONG: [object, RegExp][] = [
  [{ mean: 'ImageNet' }, /mean is 'ImageNet'; expected finite numbers, \[R, G, B\]/],
  [{ mean: [0.5] }, /mean is \[0.5\]; expected/],
  [{ mean: [0, null, 0] }, /mean is \[0, null, 0\]/],
  [{ mean: [123, 117, 104] }, /mean is \[123, 117, 104\]; expected that of pixels in 0\.\.1/],
  [{ std: [1, 0, 1] }, /std is \[1, 0, 1\]; expected numbers above 0/],
  [{ crop: 'corner' }, /crop is "corner"; expected one of 'center', 'squash'/],
  [{ interpolation: 'nearest' }, /interpolation is "nearest"; expected one of 'bicubic'/],
  [{ upright: 'yes' }, /upright is "yes"; expected true or false/],
  [{ inputSize: 224 }, /inputSize is 224; expected \[height, width\]/],
  [{ inputSize: [8, -1] }, /inputSize is \[8, -1\]; expected/],
  [{ inputSize: [1e9, 1e9] }, /inputSize is 1000000000; expected at most 16384 pixels/],
  [{ shortSide: 0.5 }, /shortSide is 0.5; expected an integer/],
  [{ longSide: 2 ** 40 }, /longSide is 1099511627776; expected at most/],
  [{ slideStride: {} }, /slideStride is {}; expected an integer/],
  [{ classNames: 'abcd' }, /classNames is "abcd"; expected a list of names/],
  [{ classNames: [] }, /classNames is \[\]/],
  [{ classNames: ['a', 2, 'c', 'd'] }, /classNames is \["a", 2, "c", "d"\]/],
];

describe('what is no fact', () => {
  const blobOf = async (text: string) =>
    writeSafetensors(await written(), undefined, { metadata: { [KEY]: text } });

  test.each([
    ...WRONG.map(([facts, message]): [string, RegExp] => [JSON.stringify(facts), message]),
    ['{"mean":[1e999,0,0]}', /mean is \[Infinity, 0, 0\]/],
    ['{"task":"other"}', /task is "other"; expected one of classification/],
    ['[1]', /metadata is \[1\]; expected an object/],
    ['null', /metadata is null/],
    ['{"mean', /damaged: /],
    [`{"mean":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, /damaged: /],
  ] as [string, RegExp][])(
    '%.60s of a file is refused, and nothing changes',
    async (text, message) => {
      const model = small();
      model.setUserDefinedMetadata({ classNames: NAMES });
      const before = valuesOf(model);
      const loading = loadCheckpoint(model, await blobOf(text));
      await expect(loading).rejects.toMatchObject({ name: 'CheckpointError', code: 'corrupt' });
      await expect(loading).rejects.toThrow(message);
      expect(valuesOf(model)).toEqual(before);
      expect(told(model)).toEqual({ classNames: NAMES });
      await expect(
        saveCheckpoint(model, undefined, { metadata: { [KEY]: text } }),
      ).rejects.toMatchObject({ code: 'corrupt' });
    },
  );

  test('names of more or fewer classes than there are', async () => {
    const model = small();
    const before = valuesOf(model);
    const blob = await blobOf(JSON.stringify({ classNames: ['a', 'b', 'c'] }));
    const message = /names 3 classes in its metadata \(tfjs_revcol\), the model has 4; nothing/;
    const loading = loadCheckpoint(model, blob);
    await expect(loading).rejects.toMatchObject({ code: 'mismatch' });
    await expect(loading).rejects.toThrow(message);
    expect(valuesOf(model)).toEqual(before);
    const sink = { ...filesSink(), abort: jest.fn(() => Promise.resolve()), open: jest.fn() };
    const checkpoint = await openCheckpoint(blob);
    await expect(convertCheckpoint(checkpoint, sink as never)).rejects.toThrow(message);
    expect(sink.open).not.toHaveBeenCalled();
  });

  test.each([
    ...WRONG,
    [{ std: [NaN, 1, 1] }, /std is \[NaN, 1, 1\]/],
    [{ classNames: ['a'] }, /names 1 classes, the model has 4; expected a name for each/],
  ] as [object, RegExp][])(
    '%j of a model is refused by all that reads it',
    async (facts, message) => {
      const model = small();
      model.setUserDefinedMetadata(facts);
      const data = { x: tf.zeros([1, 8, 8, 3]), y: tf.zeros([1], 'int32') };
      const called = /^(the user-defined metadata of )?revcol_tiny/;
      for (const fails of [async () => preprocessingOf(model), () => evaluate(model, data)]) {
        await expect(fails()).rejects.toThrow(message);
        await expect(fails()).rejects.toThrow(called);
      }
      tf.dispose(data);
      const segmenter = keep(tinySegmenter({ numClasses: 4 }));
      segmenter.setUserDefinedMetadata(facts);
      await expect(segment(segmenter, IMAGE)).rejects.toThrow(message);
      // Its weights are saved in any case.
      const { result, warnings } = await warned(() => saveCheckpoint(model));
      expect(warnings).toEqual([expect.stringMatching(message)]);
      expect(await toldBy(result)).toEqual({ task: 'classification', inputSize: [8, 8] });
    },
  );
});

/** What is warned of meanwhile. */
async function warned<T>(run: () => Promise<T>): Promise<{ result: T; warnings: string[] }> {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const result = await run();
  const warnings = warn.mock.calls.map(([text]) => String(text));
  warn.mockRestore();
  return { result, warnings };
}

/** What a file says of pictures and classes. */
async function toldBy(file: Blob): Promise<unknown> {
  const { metadata } = await openCheckpoint(file);
  return JSON.parse(metadata.get(KEY) as string);
}

/** Models on a small backbone with outputs of their own: its pooled features, or a layer on them. */
function withOutputs(seed: number, units: readonly (number | 'features')[]): tf.LayersModel {
  const whole = small();
  const map = whole.getLayer('backbone').output as tf.SymbolicTensor;
  const pooled = tf.layers.globalAveragePooling2d({}).apply(map) as tf.SymbolicTensor;
  const outputs = units.map((unit, i) => {
    if (unit === 'features') return pooled;
    const logits = tf.layers.dense({ units: unit, name: `own_${i}` }).apply(pooled);
    return tf.layers.activation({ activation: 'sigmoid' }).apply(logits) as tf.SymbolicTensor;
  });
  const model = tf.model({ inputs: whole.inputs, outputs });
  randomizeWeights(model.weights, seed);
  return model;
}

/** A model that is told three names. */
function named(model: tf.LayersModel): tf.LayersModel {
  model.setUserDefinedMetadata({ classNames: ['a', 'b', 'c'] });
  return model;
}

describe('models whose metadata no fact has to be of', () => {
  test.each([
    [[-600, 0, 0], 400],
    [32768, 16384],
    [300, 50],
    [
      [0, 0, -400],
      [1, 1, 2],
    ],
  ])('are saved, of pixels by mean %j and deviation %j', async (pixelMean, pixelStd) => {
    const model = small({ pixelMean, pixelStd });
    model.setUserDefinedMetadata({ classNames: NAMES, mean: MEAN });
    const file = await saveCheckpoint(model);
    const expected = { task: 'classification', classNames: NAMES, inputSize: [8, 8] };
    expect(await toldBy(file)).toEqual(expected);
    addAdapters(model, { rank: 1 });
    expect(await toldBy(await saveAdapters(model))).toEqual(expected);
  });

  test('are saved, and loaded, where another number of classes than of names may be right', async () => {
    for (const [units, classNames] of [
      [[1], ['no', 'yes']],
      [['features', 4], NAMES],
    ] as const) {
      const model = withOutputs(1, units);
      model.setUserDefinedMetadata({ classNames });
      const file = await saveCheckpoint(model, undefined, { others: 'keep' });
      const other = withOutputs(2, units);
      await loadCheckpoint(other, file);
      expect(told(other)).toEqual({ classNames });
    }
  });

  test('are walked through to their ends, whatever they are of', () => {
    const image = tf.input({ shape: [2, 2, 1] });
    let y = image;
    for (let i = 0; i < 40; i++) y = tf.layers.add().apply([y, y]) as tf.SymbolicTensor;
    expect(preprocessingOf(keep(named(tf.model({ inputs: image, outputs: y }))))).toBeDefined();
    const head = tf.sequential({ layers: [small(), tf.layers.softmax()] });
    expect(() => preprocessingOf(named(head))).toThrow(/names 3 classes, the model has 4/);
    const pooled = tf.sequential({ layers: [tf.layers.softmax({ inputShape: [4] } as never)] });
    const whole = small();
    const logits = pooled.apply(whole.outputs[0] as tf.SymbolicTensor) as tf.SymbolicTensor;
    const nested = named(tf.model({ inputs: whole.inputs, outputs: logits }));
    expect(() => preprocessingOf(nested)).toThrow(/names 3 classes, the model has 4/);
  });

  test('are saved without what means something else, and null means nothing', async () => {
    const model = small();
    const note = { mean: 0.5, crop: 0.875, classNames: null, std: null };
    model.setUserDefinedMetadata({ ...note, upright: true });
    const expected = { task: 'classification', upright: true, inputSize: [8, 8] };
    const { result, warnings } = await warned(() => saveCheckpoint(model));
    expect(warnings).toEqual([
      expect.stringMatching(/^saveCheckpoint: .* mean is 0.5; .* crop is/),
    ]);
    expect(await toldBy(result)).toEqual(expected);
    addAdapters(model, { rank: 1 });
    const adapters = await warned(() => saveAdapters(model));
    expect(adapters.warnings).toEqual([expect.stringMatching(/^saveAdapters: /)]);
    expect(await toldBy(adapters.result)).toEqual(expected);
    expect(told(model)).toEqual({ ...note, upright: true });
    const plain = small();
    plain.setUserDefinedMetadata({ mean: null, classNames: null });
    expect(preprocessingOf(plain)).toEqual({ inputSize: [8, 8, 3] });
  });
});

describe('facts belong to weights', () => {
  const OLD = { classNames: ['p', 'q', 'r', 's'], mean: [0, 0, 0], crop: 'center', shortSide: 3 };

  test.each([4, 5])('a head of %i classes that is not loaded keeps its names', async (units) => {
    const model = small();
    model.setUserDefinedMetadata(FACTS);
    const own = withOutputs(2, [units]);
    const classNames = ['1', '2', '3', '4', '5'].slice(0, units);
    own.setUserDefinedMetadata({ ...OLD, classNames, note: 'mine' });
    await loadCheckpoint(own, await saveCheckpoint(model), { strict: false });
    expect(told(own)).toEqual({ ...FACTS, classNames, note: 'mine' });
    // A head of RevCol's, of a file without one that names other classes.
    const bare = (await written()).filter(({ name }) => !name.startsWith('cls.'));
    const metadata = { [KEY]: '{"classNames":["a"]}' };
    const other = small();
    other.setUserDefinedMetadata({ ...OLD, classNames: NAMES });
    const blob = await writeSafetensors(bare, undefined, { metadata });
    await loadCheckpoint(other, blob, { strict: false });
    expect(told(other)).toEqual({ classNames: NAMES });
  });

  test('those of weights that are replaced go, where the file tells none', async () => {
    const silent = await writeSafetensors(await written());
    const model = small();
    model.setUserDefinedMetadata({ ...OLD, note: 'mine' });
    await loadCheckpoint(model, silent);
    expect(told(model)).toEqual({ note: 'mine' });
    // The head alone, and the backbone for another task.
    const head = (await written()).filter(({ name }) => name.startsWith('cls.'));
    model.setUserDefinedMetadata(OLD);
    await loadCheckpoint(model, await writeSafetensors(head), { strict: false });
    expect(told(model)).toEqual({ ...OLD, classNames: undefined });
    const metadata = { [KEY]: '{"task":"segmentation","std":[1,1,1],"shortSide":9}' };
    const dense = await writeSafetensors(await written(), undefined, { metadata });
    model.setUserDefinedMetadata(OLD);
    await loadCheckpoint(model, dense);
    const { crop, shortSide, classNames } = OLD;
    expect(told(model)).toEqual({ crop, shortSide, classNames, std: [1, 1, 1] });
  });

  test('adapters that say nothing bring back what the base said', async () => {
    const trained = small();
    trained.setUserDefinedMetadata(FACTS);
    addAdapters(trained, { rank: 1 });
    const telling = await saveAdapters(trained);
    const plain = small();
    addAdapters(plain, { rank: 2 });
    const silent = await saveAdapters(plain, undefined, { metadata: { [KEY]: '{}' } });
    const base = small();
    base.setUserDefinedMetadata({ ...OLD, note: 'mine' });
    await loadAdapters(base, telling);
    expect(told(base)).toEqual({ ...FACTS, shortSide: 3, note: 'mine' });
    await loadAdapters(base, silent);
    expect(told(base)).toEqual({ ...OLD, note: 'mine' });
    await loadAdapters(base, telling);
    removeAdapters(base);
    expect(told(base)).toEqual({ ...OLD, note: 'mine' });
  });

  test('what is saved with a model stays through all that is done with adapters', async () => {
    const model = small();
    const walk = () => {
      mergeAdapters(model);
      unmergeAdapters(model);
      removeAdapters(model);
    };
    model.setUserDefinedMetadata(OLD);
    addAdapters(model, { rank: 1 });
    walk();
    expect(told(model)).toEqual(OLD);
    addAdapters(model, { rank: 1 });
    model.setUserDefinedMetadata({ ...FACTS, note: 'mine' });
    model.getLayer('head').trainable = true;
    const file = await saveAdapters(model);
    walk();
    expect(told(model)).toEqual({ ...FACTS, note: 'mine' });
    // The head stays, and its names with it; what was changed since stays, too.
    const base = small();
    base.setUserDefinedMetadata(OLD);
    await loadAdapters(base, file);
    base.setUserDefinedMetadata({ ...told(base), upright: false });
    removeAdapters(base);
    expect(told(base)).toEqual({ ...OLD, classNames: FACTS.classNames, upright: false });
    // Merged for good it is what the adapters made of it.
    await loadAdapters(base, file);
    mergeAdapters(base, { keep: false });
    expect(told(base)).toMatchObject(FACTS);
  });

  test('a model goes by its own statistics, whatever a file tells, and is told so', async () => {
    const model = small();
    model.setUserDefinedMetadata({ mean: MEAN, std: STD });
    const file = await saveCheckpoint(model);
    const [pixelMean, pixelStd] = [MEAN, STD].map((values) => values.map((v) => v * 255));
    for (const [std, count] of [
      [pixelStd, 0],
      [[99, 99, 99], 1],
    ] as const) {
      const own = small({ pixelMean, pixelStd: std });
      const { warnings } = await warned(() => loadCheckpoint(own, file));
      expect(warnings).toHaveLength(count);
      if (count > 0) expect(warnings[0]).toMatch(/revcol_tiny normalises its own/);
      expect(told(own)).toEqual({});
    }
  });

  test('a cut goes with the size that it is told for', async () => {
    const model = small({ inputShape: [16, 16, 3] });
    model.setUserDefinedMetadata(FACTS);
    const other = small();
    await loadCheckpoint(other, await saveCheckpoint(model));
    expect(told(other)).toEqual({ ...FACTS, crop: undefined });
  });
});

test('names are the same from wherever a file tells them, for all that reads it', async () => {
  const names = ['1', '2', '3', '4'];
  const read = async (model: tf.LayersModel, options: object) => {
    const file = await saveCheckpoint(model, undefined, options);
    const other = small();
    const { classes } = await loadCheckpoint(other, file);
    const { model: files } = await convertCheckpoint(await openCheckpoint(file), filesSink());
    const made = keep(await load(await filesOf(files)));
    return [classes, told(other), told(made)];
  };
  const model = small();
  const all = (classNames: readonly string[]) => [classNames, { classNames }, { classNames }];
  expect(await read(model, { classes: names })).toEqual(all(names));
  expect(await read(model, { classes: names, format: 'openmmlab' })).toEqual(all(names));
  model.setUserDefinedMetadata({ classNames: NAMES });
  expect(await read(model, {})).toEqual(all(NAMES));
  expect(await read(model, { classes: names })).toEqual(all(names));
  expect(await read(model, { metadata: { classes: JSON.stringify(names) } })).toEqual(all(names));
  // Labels of others are no names of these classes.
  expect(await read(model, { metadata: { classes: '["x"]' } })).toEqual(all(NAMES));
});

describe('published weights', () => {
  const SET = 'revcol_femto.fashion';

  test('bring along how their pictures are prepared, and names', async () => {
    const model = keep(await createModel(SET, { pretrained: true }));
    const { mean, std, classNames } = told(model) as typeof FACTS;
    expect(told(model)).toEqual({
      mean,
      std,
      classNames,
      crop: 'squash',
      interpolation: 'bicubic',
    });
    expect([mean, std]).toEqual([Array(3).fill(0.286), Array(3).fill(0.353)]);
    expect(classNames[9]).toBe('Ankle boot');
    expect(told(await reloaded(model))).toEqual(told(model));
    const texts = keep(await createModel('revcol_text_femto.languages', { pretrained: true }));
    expect((told(texts) as typeof FACTS).classNames).toContain('it');
  });

  test('of other classes no names, of another size no cut', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const options = { numClasses: 3, inputShape: [32, 32, 1] as [number, number, number] };
    const model = keep(await createModel(SET, { pretrained: true, ...options }));
    expect(Object.keys(told(model)).sort()).toEqual(['interpolation', 'mean', 'std']);
    expect(told(keep(createModel(SET)))).toEqual({});
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });
});

describe('what is saved with the model', () => {
  test('is what detect goes by', async () => {
    const model = keep(tinyDetector());
    const few = { scoreThreshold: 0, proposals: 16, maxDetections: 4, masks: false };
    const sizes = { shortSide: 24, longSide: 40 };
    const statistics = { mean: MEAN, std: STD } as never as { mean: [number, number, number] };
    const given = { ...few, ...sizes, ...statistics, classes: ['x', 'y'] };
    const expected = await detect(model, IMAGE, given);
    expect(expected.objects.length).toBeGreaterThan(0);
    expect(await detect(model, IMAGE, { ...few, ...sizes })).not.toEqual(expected);
    model.setUserDefinedMetadata({ ...sizes, ...statistics, classNames: ['x', 'y'] });
    expect(await detect(model, IMAGE, few)).toEqual(expected);
    // A longer side that is saved with another shorter one does not hold back the one that is given.
    model.setUserDefinedMetadata({ ...sizes, longSide: 26, ...statistics, classNames: ['x', 'y'] });
    const larger = { ...few, shortSide: 30 };
    const free = await detect(model, IMAGE, { ...larger, longSide: 50 });
    expect(await detect(model, IMAGE, larger)).toEqual(free);
    expect(await detect(model, IMAGE, { ...larger, longSide: 26 })).not.toEqual(free);
  });

  test('is what segment goes by, unless it is told otherwise', async () => {
    const model = keep(tinySegmenter());
    const explicit = { mean: MEAN, std: STD, classes: ['x', 'y'] } as never;
    const expected = await segment(model, IMAGE, { ...(explicit as object), shortSide: 20 });
    const plain = await segment(model, IMAGE);
    model.setUserDefinedMetadata({ classNames: ['x', 'y'], mean: MEAN, std: STD, shortSide: 20 });
    expect(await segment(model, IMAGE)).toEqual(expected);
    expect(await segment(model, IMAGE, { mean: undefined })).toEqual(expected);
    const own = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as never;
    const given = { ...(own as object), shortSide: null, classes: ['class 0', 'class 1'] };
    expect(await segment(model, IMAGE, given)).toEqual(plain);
    // A tensor is the model's input already, of its own size.
    const x = tf.randomUniform<tf.Rank.R3>([16, 16, 3], -1, 1, 'float32', 1);
    const bare = await reloaded(model);
    bare.setUserDefinedMetadata({ classNames: ['x', 'y'] });
    expect(await segment(model, x)).toEqual(await segment(bare, x));
    x.dispose();
  });
});
