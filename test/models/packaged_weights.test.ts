/** The weights that ship with the package: found without a network, whole, and good for real pictures. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { buildSync } from 'esbuild';

import { pretrainedWeights } from 'tfjs-revcol/weights';
import { loadDigits, splitDigits } from '../../examples/digits/data';
import { DownloadError } from '../../src/download/errors';
import { fetchPretrained } from '../../src/download/fetch_pretrained';
import { findInPackage } from '../../src/download/package_file';
import { createModel } from '../../src/models/create_model';
import { withSeededRandom } from '../../src/ops/engine/random';
import { preprocess } from '../../src/preprocessing/preprocess';
import { PACKAGED_SETS } from '../../src/registry/packaged';
import { loadCheckpoint } from '../../src/weights/load_checkpoint';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';
import fashion from './fixtures/fashion_pictures.json';

const ROOT = path.resolve(__dirname, '../..');
const SIDE = 28;

type Name = keyof typeof PACKAGED_SETS;
const NAMES = Object.keys(PACKAGED_SETS) as Name[];

/** A grey picture with its class. */
interface Picture {
  pixels: Uint8Array;
  label: number;
}

/** Test pictures: of Fashion-MNIST the first of each class, of digits the first twenty. */
const PICTURES: Record<Name, () => Picture[]> = {
  'revcol_femto.fashion': () =>
    fashion.pictures.map(({ pixels, label }) => ({ pixels: Buffer.from(pixels, 'base64'), label })),
  'revcol_femto.digits': () =>
    splitDigits(loadDigits(), 2000)
      .test.slice(0, 20)
      .map(({ pixels, label }) => ({
        pixels: Uint8Array.from(pixels, (value) => Math.round(255 * value)),
        label,
      })),
};

/** The pictures among these that a set takes for another class, by their places, and for which. */
const MISTAKEN: Record<Name, Record<number, number>> = {
  'revcol_femto.fashion': {},
  'revcol_femto.digits': { 6: 9 },
};

/** RGBA of grey pixels. */
function image({ pixels }: Picture) {
  const data = new Uint8ClampedArray(4 * pixels.length);
  pixels.forEach((byte, i) => data.set([byte, byte, byte, 255], 4 * i));
  return { width: SIDE, height: SIDE, data };
}

/** A network that is not there. */
const offline = {
  fetch: () => Promise.reject(new Error('offline')),
  retries: 1,
  retryDelayMs: 1,
};

describeBackends('packaged weights', () => {
  test.each(NAMES)('%s is right about real test pictures', async (name) => {
    const pictures = PICTURES[name]();
    const expected = pictures.map(({ label }, i) => MISTAKEN[name][i] ?? label);
    await expectNoLeak(async () => {
      const model = await createModel(name, { pretrained: true, ...offline });
      const input = preprocess(pictures.map(image), pretrainedWeights(name));
      expect(input.shape).toEqual([pictures.length, SIDE, SIDE, 1]);
      const logits = model.predict(input) as tf.Tensor;
      const guesses = tf.argMax(logits, -1);
      const found = [...(await guesses.data())];
      tf.dispose([input, logits, guesses]);
      model.dispose();
      expect(found).toEqual(expected);
    });
  });
});

describe('the files', () => {
  beforeAll(() => useBackend('wasm'));

  test.each(NAMES)('%s is where the record says, and tells the classes', async (name) => {
    const record = pretrainedWeights(name);
    const found = await fetchPretrained(record, offline);
    expect(found).toBe(path.join(ROOT, record.packageFile as string));
    expect(fs.statSync(found as string).size).toBe(record.sources[0]?.bytes);
    const model = createModel(name);
    expect(model.countParams()).toBeLessThan(120_000);
    const { classes } = await loadCheckpoint(model, found);
    expect(classes).toEqual(record.classNames);
    model.dispose();
  });

  test('one that is not whole, or is another, is not used', async () => {
    const record = pretrainedWeights('revcol_femto.digits');
    const other = { ...record, packageFile: pretrainedWeights('revcol_femto.fashion').packageFile };
    for (const wrong of [
      other,
      { ...record, packageFile: 'weights/none.safetensors' },
      { ...record, packageFile: 'weights' },
      { ...record, packageFile: undefined },
      { ...record, sources: [{ url: 'https://a.invalid/file' }] },
    ]) {
      expect(await findInPackage(wrong)).toBeUndefined();
    }
    const cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cache-'));
    const fetched = fetchPretrained(other, { ...offline, cacheDir });
    await expect(fetched).rejects.toThrow(DownloadError);
    fs.rmSync(cacheDir, { recursive: true });
  });

  test('a new head is drawn by the seed that was set when the model was asked for', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const made: number[][] = [];
    for (const seed of [5, 5, 6]) {
      const options = { pretrained: true, numClasses: 3 } as const;
      const model = await withSeededRandom(seed, () => createModel('revcol_femto.digits', options));
      made.push(model.getWeights().flatMap((weight) => [...weight.dataSync()]));
      model.dispose();
    }
    warn.mockRestore();
    expect(made[1]).toEqual(made[0]);
    expect(made[2]).not.toEqual(made[0]);
  });

  test('a bundle in CommonJS, which does not know where it lies, finds none', () => {
    const record = JSON.stringify(pretrainedWeights('revcol_femto.digits'));
    const contents = `
      const { findInPackage } = require('./package_file');
      findInPackage(${record}).then((file) => console.log('found', file));
    `;
    const { outputFiles } = buildSync({
      stdin: { contents, resolveDir: path.join(ROOT, 'src/download') },
      ...{ bundle: true, write: false, platform: 'node', format: 'cjs', logLevel: 'silent' },
    });
    const input = outputFiles[0]?.text;
    const told = execFileSync(process.execPath, ['-'], { input, encoding: 'utf8' });
    expect(told).toBe('found undefined\n');
  });

  test('another number of classes, and images that do not fit', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const name = 'revcol_femto.digits';
    const model = await createModel(name, { pretrained: true, numClasses: 3 });
    expect(model.outputs[0]?.shape).toEqual([null, 3]);
    expect(warn).toHaveBeenCalledTimes(1);
    model.dispose();
    warn.mockRestore();
    await expect(createModel(name, { pretrained: true, inputShape: [28, 28, 3] })).rejects.toThrow(
      'build the model with inputShape [height, width, 1]',
    );
  });
});

test('a size of its own defaults', () => {
  const model = createModel('revcol_femto');
  expect([model.inputs[0]?.shape, model.outputs[0]?.shape]).toEqual([
    [null, 28, 28, 1],
    [null, 10],
  ]);
  expect(model.countParams()).toBe(118_506);
  model.dispose();
});
