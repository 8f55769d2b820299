/** `classify` with models that `convert` wrote and that users saved, and with names of classes. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { AdamW, saveCheckpoint } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { PRETRAINED_WEIGHTS } from '../../src/registry/pretrained';
import kinds from '../pictures/image_kinds.json';
import images from '../pictures/images.json';
import { expectClose, expectNoLeak } from '../support/backends';
import {
  type NamedTensor,
  renamed,
  safetensorsOf,
  smallModel,
  tensorsOf,
} from '../weights/support/small_checkpoint';
import { cli, cliAssuming, cliError, cliOut } from './run';

let folder: string;
let image: string;
let weights: string;
const at = (name: string): string => path.join(folder, name);
const write = (name: string, text: string): string => {
  fs.writeFileSync(at(name), text);
  return at(name);
};

beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-classify-'));
  image = at('a.png');
  fs.writeFileSync(image, Buffer.from(images.files.png.file, 'base64'));
  weights = at('small.safetensors');
  const model = smallModel(1, { inputShape: [32, 32, 3] });
  await saveCheckpoint(model, weights);
  model.dispose();
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

interface Prediction {
  class: number;
  name?: string;
  probability: number;
}

/** Probabilities and names by class. */
async function classifiedBy(
  ran: typeof cliOut,
  args: readonly string[],
): Promise<{ values: number[]; names: unknown[] }> {
  const out = await ran('classify', image, '--top', '9', '--json', ...args);
  const predictions = (JSON.parse(out) as Record<string, Prediction[]>)[image] ?? [];
  predictions.sort((a, b) => a.class - b.class);
  return {
    values: predictions.map(({ probability }) => probability),
    names: predictions.map(({ name }) => name),
  };
}

const classified = (...args: string[]) => classifiedBy(cliOut, args);
/** As `classified`, with a model that does not tell how its pictures are prepared. */
const assuming = (...args: string[]) => classifiedBy(cliAssuming, args);

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
test.each([
  ['0..1', 1],
  ['0..255', 255],
])('a saved model that normalises pixels in %s itself gets them so', async (name, top) => {
  const expected = (await assuming('-w', weights, '--input-size', '32')).values;
  const [pixelMean, pixelStd] = [MEAN, STD].map((values) => values.map((v) => v * top));
  const model = smallModel(1, { inputShape: [32, 32, 3], pixelMean, pixelStd });
  const saved = at(`own ${name}`);
  await model.save(fileSystem(saved));
  model.dispose();
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const { values } = await classified('-w', saved);
  expectClose(values, expected, 1e-5);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test('a saved model whose means tell no units', async () => {
  const model = smallModel(1, { inputShape: [32, 32, 3], pixelMean: 0.5, pixelStd: 64 });
  await model.save(fileSystem(at('no units')));
  model.dispose();
  expect(await cliError('classify', image, '-w', at('no units'))).toMatch(
    /normalises its pixels by pixelMean \[0\.5\] and pixelStd \[64\].*neither of pixels in 0\.\.1/,
  );
});

test('the folder that convert makes classifies as its checkpoint does', async () => {
  const size = ['--input-size', '32'];
  const expected = (await assuming('-w', weights, ...size)).values;
  expect(expected).toHaveLength(4);
  expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.01);
  const made = at('made');
  await cliAssuming('convert', weights, made, ...size);
  for (const given of [made, `${made}/`, `${made}/model.json`]) {
    const { values } = await expectNoLeak(() => assuming('--weights', given));
    expectClose(values, expected, 1e-5);
  }
  expectClose((await assuming('-w', made, ...size)).values, expected, 1e-5);
  expect(await cliError('classify', image, '-w', made, '--input-size', '64')).toContain(
    'takes images of 32 x 32 pixels, so --input-size 64 does not fit',
  );
  expect(await cliError('classify', image, '-w', made, '--key', 'ema')).toContain('--key is for');
  // It makes a checkpoint, or a folder of another precision.
  expect(await cliOut('convert', made, at('again.safetensors'))).toContain('tensors, float32');
  expectClose((await assuming('-w', at('again.safetensors'), ...size)).values, expected, 1e-5);
  await cliAssuming('convert', `${made}/model.json`, at('half'), '--dtype', 'float16');
  expectClose((await assuming('-w', at('half'))).values, expected, 1e-2);
  expect(await cliError('convert', made, at('none'), '--prefix', 'x')).toContain('--prefix is for');
  const foreign = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
  await foreign.save(fileSystem(at('foreign')));
  foreign.dispose();
  expect(await cliError('convert', at('foreign'), at('none'))).toMatch(
    /foreign.model\.json has weights that no published checkpoint has a name for/,
  );
  expect(fs.existsSync(at('none'))).toBe(false);
});

test('the normalisation and cut that convert notes are those of the published weights', async () => {
  // Published weights are known by the name of their file.
  const [record] = Object.values(PRETRAINED_WEIGHTS).filter(({ crop }) => crop === 'squash');
  const { fileName = '', mean = [0, 0, 0] } = record ?? {};
  fs.copyFileSync(weights, at(fileName));
  const made = at('noted');
  await cliOut('convert', at(fileName), made, '--input-size', '32');
  const json = JSON.parse(fs.readFileSync(`${made}/model.json`, 'utf8')) as {
    userDefinedMetadata: Record<string, unknown>;
  };
  expect(json.userDefinedMetadata).toMatchObject({ crop: 'squash', mean });
  const noted = (await classified('-w', made)).values;
  json.userDefinedMetadata = { ...json.userDefinedMetadata, crop: 'center', mean: [0, 0.9, 0] };
  fs.writeFileSync(`${made}/model.json`, JSON.stringify(json));
  const other = (await classified('-w', made)).values;
  expect(noted.some((value, i) => Math.abs(value - (other[i] as number)) > 1e-3)).toBe(true);
});

test('a model that its user saved: compiled, with a softmax of its own', async () => {
  const inner = smallModel(1, { inputShape: [32, 32, 3] });
  const model = tf.sequential({ layers: [inner, tf.layers.softmax()] });
  model.compile({ optimizer: new AdamW(), loss: 'categoricalCrossentropy' });
  await model.save(fileSystem(at('saved')), { includeOptimizer: true });
  const logits = tf.sequential({ layers: [inner] });
  await logits.save(fileSystem(at('logits')));
  const expected = (await assuming('-w', weights, '--input-size', '32')).values;
  expectClose((await assuming('-w', at('saved'))).values, expected, 1e-5);
  expectClose((await assuming('-w', at('logits'))).values, expected, 1e-5);
  model.dispose();
});

describe('what a checkpoint holds besides', () => {
  const size = ['--input-size', '32'];
  const save = async (name: string, tensors: NamedTensor[]) => {
    fs.writeFileSync(at(name), await bytesOfBlob(await safetensorsOf(tensors)));
    return at(name);
  };
  const bytesOfBlob = async (blob: Blob) => Buffer.from(await blob.arrayBuffer());
  const extra = { name: 'ema_decay', shape: [1], data: new Float32Array([0.9]) };
  const small = async (seed: number) => {
    const model = smallModel(seed, { inputShape: [32, 32, 3] });
    const tensors = await tensorsOf(model);
    model.dispose();
    return tensors;
  };

  test('a tensor too many is left out, as in convert', async () => {
    const given = await save('extra.safetensors', [...(await small(1)), extra]);
    const ran = await cli('classify', image, '-w', given, ...size, '--top', '9', '--json');
    expect(ran.status).toBe(0);
    expect(ran.error).toMatch(
      /^left out 1 tensors that inference does not use: ema_decay\n[^\n]+; assumed: [^\n]+\n$/,
    );
    const expected = await cliAssuming(
      'classify',
      image,
      '-w',
      weights,
      ...size,
      '--top',
      '9',
      '--json',
    );
    expect(JSON.parse(ran.out)).toEqual(JSON.parse(expected));
    const short = await save('short.safetensors', (await small(1)).slice(1));
    expect(await cliError('classify', image, '-w', short, ...size)).toContain(
      'stem.0.weight is missing',
    );
  });

  test('one of several sets of weights is chosen by --prefix', async () => {
    const [one, two] = [await small(1), await small(2)];
    const sets = [
      ...renamed(one, (name) => `model.teacher.${name}`),
      ...renamed(two, (name) => `model.student.${name}`),
    ];
    const given = await save('sets.safetensors', sets);
    expect(await cliError('classify', image, '-w', given, ...size)).toContain('2 sets of weights');
    const expected = await assuming('-w', weights, ...size);
    for (const prefix of ['model.teacher', 'model.teacher.']) {
      expect(await assuming('-w', given, ...size, '--prefix', prefix)).toEqual(expected);
    }
    const other = await assuming('-w', given, ...size, '-p', 'model.student.');
    expect(() => expectClose(other.values, expected.values, 1e-3)).toThrow();
    expect(await cliError('classify', image, '-w', given, '-p', 'none')).toContain("'none'");
    await cliAssuming('convert', given, at('teacher'), ...size, '-p', 'model.teacher.');
    expect(await cliError('classify', image, '-w', at('teacher'), '-p', 'a')).toContain(
      '--prefix is for checkpoints',
    );
  });

  test.each([NaN, Infinity])('weights that are %d are an error', async (value) => {
    const tensors = await small(1);
    const bias = tensors.find(({ name }) => name === 'cls.classifier.1.bias') as NamedTensor;
    bias.data.fill(value);
    const given = await save('broken.safetensors', tensors);
    const error = await cliError('classify', image, '-w', given, ...size);
    expect(error).toContain('probabilities that are not numbers (NaN)');
  });

  test('--cache-dir takes no address', async () => {
    const { status, error } = await cli(
      'classify',
      image,
      '-w',
      'a',
      '--cache-dir',
      'https://a.b/c',
    );
    expect(status).not.toBe(0);
    expect(error).toContain('expected a folder of this machine');
  });
});

test('models that cannot classify pictures, and those of grey ones', async () => {
  const save = async (name: string, model: tf.LayersModel) => {
    await model.save(fileSystem(at(name)));
    model.dispose();
    return at(name);
  };
  const dense = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
  const grey = await save('grey', smallModel(1, { inputShape: [32, 32, 1] }));
  const vectors = await save('vectors', dense);
  expect(await cliError('classify', image, '-w', vectors)).toContain(
    'is no classifier of images: it takes [any, 3] and gives [any, 2]; expected',
  );
  const two = await save('two', smallModel(1, { inputShape: [8, 8, 2] }));
  expect(await cliError('classify', image, '-w', two)).toContain('of images with 2 channels');
  const model = smallModel(1, { inputShape: [32, 32, 1] });
  await saveCheckpoint(model, at('grey.safetensors'));
  model.dispose();
  const fromFolder = await assuming('-w', grey);
  const fromFile = await assuming('-w', at('grey.safetensors'), '--input-size', '32');
  expect(fromFolder.names).toHaveLength(4);
  expect(fromFile).toEqual(fromFolder);
  fs.mkdirSync(at('empty'));
  const instead = async () => cliError('classify', image, '-w', at('empty'));
  expect(await instead()).toMatch(
    /empty is a folder without a model\.json: it is empty; give a folder that train or convert made, a/,
  );
  fs.writeFileSync(at('empty/notes.txt'), '');
  expect(await instead()).toMatch(/: it holds notes\.txt; give a folder that train/);
  fs.writeFileSync(at('empty/best.pth'), '');
  expect(await instead()).toMatch(/model\.json; give a checkpoint in it by its path: best\.pth$/);
  fs.mkdirSync(at('empty/checkpoint'));
  fs.writeFileSync(at('empty/checkpoint/last.safetensors'), '');
  expect(await instead()).toMatch(
    /: train has not come to its end there; let train --resume go on/,
  );
});

describe('--labels', () => {
  const names = ['kite', 'barn owl', 'Königskerze', 'wren'];
  const json = JSON.stringify;
  test.each([
    ['lines', names.join('\n')],
    ['lines of Windows, and a mark in front', `\u{feff}${names.join('\r\n')}\r\n\r\n`],
    ['a list', json(names)],
    ['numbers', json(Object.fromEntries(names.map((name, i) => [i, name]).reverse()))],
  ])('%s', async (_, text) => {
    const labels = write('labels', text);
    const shown = await assuming('-w', weights, '--input-size', '32', '--labels', labels);
    expect(shown.names).toEqual(names);
  });

  test.each([
    ['too few', 'a\nb\n', 'labels names 2 classes, the model has 4'],
    ['a gap', 'a\n\nb\nc\n', 'class 1 has an empty name'],
    ['nothing', '\n', 'names no class'],
    ['half a list', '["a", "b"', 'is not JSON'],
    ['no names', '[1, 2, 3, 4]', 'expected a list of names'],
    ['numbers with a gap', '{"0": "a", "5": "b"}', 'numbers 0 to 1; got "b" for 5'],
    ['id2label as a whole', '{"id2label": {"0": "a"}}', 'by the numbers'],
  ])('%s', async (_, text, message) => {
    const labels = write('labels', text);
    const args = ['classify', image, '-w', weights, '-l', labels];
    expect(await cliError(...args)).toContain(message);
  });

  test('a file that is not there is told before anything is loaded', async () => {
    const args = ['classify', image, '-w', 'none', '-l', at('none.txt')];
    expect(await cliError(...args)).toContain('none.txt');
  });
});

test('a 16-bit grey image is classified with a warning', async () => {
  const file = kinds.files['png grey, 16 bits'].file;
  fs.writeFileSync(at('deep.png'), Buffer.from(file, 'base64'));
  const ran = await cli('classify', at('deep.png'), '-w', weights, '--input-size', '32');
  expect(ran.status).toBe(0);
  expect(ran.out).toContain('deep.png\n');
  expect(ran.error).toMatch(/^.*deep\.png: 16-bit grey; .*\n.*; assumed: .*\n$/);
});

describe('what convert writes is told by the ending', () => {
  test.each(['a.h5', 'a.onnx', 'a.foo', 'web/a.safetensor', 'a.b.tar'])('%s', async (name) => {
    const error = await cliError('convert', weights, at(name), '--input-size', '32');
    expect(error).toContain(`nothing is written as ${path.extname(name)}`);
    expect(fs.existsSync(at(name))).toBe(false);
  });

  test.each(['v1.5', 'revcol_tiny.in1k', '.hidden', 'x.d/y'])('folder %s', async (name) => {
    const made = at(path.join('folders', name));
    await cliAssuming('convert', weights, made, '--input-size', '32');
    expect(fs.existsSync(path.join(made, 'model.json'))).toBe(true);
  });

  test('an empty folder that is there, and one that --to asks for', async () => {
    fs.mkdirSync(at('there.foo'));
    await cliAssuming('convert', weights, at('there.foo'), '--input-size', '32');
    await cliAssuming('convert', weights, at('asked.foo'), '--input-size', '32', '--to', 'tfjs');
    for (const name of ['there', 'asked']) {
      expect(fs.existsSync(at(`${name}.foo/model.json`))).toBe(true);
    }
  });

  test('safetensors in capitals', async () => {
    expect(await cliOut('convert', weights, at('A.SAFETENSORS'))).toContain('tensors, float32');
  });
});
