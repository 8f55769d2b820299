/** What models tell of what they take: how pictures are prepared, those that do not tell it, and those of texts. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, openCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import images from '../pictures/images.json';
import { cli, cliAssuming, cliError, cliOut } from './run';

const TEXTS = 'revcol_text_femto.languages';
let folder: string;
let image: string;
const at = (...names: string[]): string => path.join(folder, ...names);

beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-untold-'));
  image = at('a.png');
  fs.writeFileSync(image, Buffer.from(images.files['png grey'].file, 'base64'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const SET = 'revcol_femto.fashion';

/** What is told of the picture, without a word on standard error. */
const classified = (given: string, ...more: string[]) =>
  cliOut('classify', image, '-w', given, ...more);

describe('published weights that were saved', () => {
  let expected: string;

  beforeAll(async () => {
    const model = await createModel(SET, { pretrained: true });
    await saveCheckpoint(model, at('cls.safetensors'));
    await saveCheckpoint(model, at('cls.pth'), { format: 'openmmlab' });
    await model.save(fileSystem(at('cls')));
    model.dispose();
    expected = await classified(SET);
  });

  test('tell how pictures are prepared, and names', async () => {
    expect(expected).toMatch(/%\s+8\s+Bag\n/);
    for (const given of ['cls.safetensors', 'cls.pth', 'cls']) {
      expect(await classified(at(given))).toBe(expected);
    }
    const sized = await classified(at('cls.safetensors'), '--input-size', '28');
    expect(sized).toBe(expected);
  });

  test('and names that were given when it was saved, through conversions to either format', async () => {
    const model = await createModel(SET, { pretrained: true });
    const classes = Array.from({ length: 10 }, (_, i) => `kind ${i}`);
    await saveCheckpoint(model, at('given.safetensors'), { classes });
    model.dispose();
    const renamed = await classified(at('given.safetensors'));
    expect(renamed).toMatch(/%\s+8\s+kind 8\n/);
    for (const to of ['given', 'given again.safetensors']) {
      await cliOut('convert', at('given.safetensors'), at(to));
      expect(await classified(at(to))).toBe(renamed);
    }
  });

  test('also what is converted of them, to either format', async () => {
    for (const [from, to] of [
      [SET, 'named.safetensors'],
      [SET, 'named'],
      [at('cls.safetensors'), 'made'],
      [at('cls.pth'), 'made.safetensors'],
      [at('made.safetensors'), 'again'],
    ] as const) {
      await cliOut('convert', from, at(to));
      expect(await classified(at(to))).toBe(expected);
    }
    // Of a model by name there is more to tell: whose weights they are.
    const metadataIn = (folder: string) =>
      (
        JSON.parse(fs.readFileSync(at(folder, 'model.json'), 'utf8')) as {
          userDefinedMetadata: object;
        }
      ).userDefinedMetadata;
    expect(metadataIn('named')).toMatchObject({ ...metadataIn('made'), license: 'Apache-2.0' });
    expect(metadataIn('again')).toEqual(metadataIn('made'));
  });

  test('what the command line says comes first', async () => {
    const names = Array.from({ length: 10 }, (_, c) => `own ${c}`);
    fs.writeFileSync(at('names.txt'), names.join('\n'));
    const own = await classified(at('cls.safetensors'), '--labels', at('names.txt'));
    expect(own).toMatch(/own \d/);
    expect(own).not.toContain('Bag');
    expect(await classified(at('cls.safetensors'), '--input-size', '32')).not.toBe(expected);
  });

  test('a file that names other classes than it has is refused', async () => {
    await rewritten('wrong.safetensors', { tfjs_revcol: '{"classNames":["a"]}' });
    for (const args of [
      ['classify', image, '-w', at('wrong.safetensors')],
      ['convert', at('wrong.safetensors'), at('none')],
    ]) {
      expect(await cliError(...args)).toMatch(/names 1 classes in its metadata.*the model has 10/);
    }
    expect(fs.existsSync(at('none'))).toBe(false);
  });
});

/** The tensors of the saved weights with metadata of one's own. */
async function rewritten(name: string, metadata: Record<string, string>): Promise<void> {
  const checkpoint = await openCheckpoint(at('cls.safetensors'));
  const tensors = [...checkpoint.entries].map(([tensor, { shape }]) => ({
    ...{ name: tensor, shape },
    read: () => checkpoint.read(tensor),
  }));
  await writeSafetensors(tensors, at(name), { metadata });
  await checkpoint.close();
}

describe('weights that do not tell', () => {
  beforeAll(() => rewritten('untold.safetensors', { format: 'pt' }));

  test('of a checkpoint the size is known, the rest is assumed, and that is said', async () => {
    const ran = await cli('classify', image, '-w', at('untold.safetensors'));
    expect(ran.status).toBe(0);
    expect(ran.error).toContain(
      "untold.safetensors does not tell how its pictures are prepared; assumed: ImageNet's mean 0.485, 0.456, " +
        '0.406 and deviation 0.229, 0.224, 0.225; 28 x 28 pixels; numbers in place of the names of classes. ' +
        'They are of RGB pictures, and this model takes grey ones',
    );
    expect(ran.error).toMatch(/; --input-size gives the size, --labels gives the names\n$/);
    const args = ['-w', at('untold.safetensors'), '--input-size', '28'];
    const sized = await cli('classify', image, ...args);
    expect(sized.out).toBe(ran.out);
    expect(sized.error).not.toContain('28 x 28');
    // What convert makes of the checkpoint knows no more but the size, and convert says so.
    await cliAssuming('convert', at('untold.safetensors'), at('untold'));
    const folder = await cli('classify', image, '-w', at('untold'));
    expect(folder.error).toContain('does not tell how its pictures are prepared');
    expect(folder.error).not.toContain('--input-size');
    expect(folder.out).toBe(ran.out);
  });

  test('what the line advises brings the right answer', async () => {
    fs.copyFileSync(at('untold.safetensors'), at(`${SET}.safetensors`));
    expect(await classified(at(`${SET}.safetensors`))).toBe(await classified(SET));
  });

  test('a size that is too small is told by the model', async () => {
    const args = ['-w', at('untold.safetensors'), '--input-size', '7'];
    expect(await cliError('classify', image, ...args)).toContain('give at least 8 x 8');
  });
});

describe('training', () => {
  /** Grey pictures of two classes. */
  const pictures = (...names: string[]) => {
    for (const name of names) {
      fs.mkdirSync(at('pictures', name), { recursive: true });
      for (let i = 0; i < 4; i++) fs.copyFileSync(image, at('pictures', name, `${i}.png`));
    }
    return at('pictures');
  };
  const train = (model: string, out: string) =>
    cli(
      ...['train', pictures('a', 'b'), '--model', at(model), '--out', at(out), '--epochs', '1'],
      ...['--batch', '4', '--head-only', '--augment', 'none', '--backend', 'wasm'],
    );
  const savedIn = (out: string) =>
    (
      JSON.parse(fs.readFileSync(at(out, 'model.json'), 'utf8')) as {
        userDefinedMetadata: { mean: number[]; std: number[]; crop: string };
      }
    ).userDefinedMetadata;

  test('begins as the weights tell', async () => {
    const ran = await train('cls.safetensors', 'trained');
    expect([ran.status, ran.error]).toEqual([0, expect.stringMatching(/^epoch 1 of 1 .*\n$/)]);
    const { mean, std, crop } = savedIn('trained');
    expect([mean[0], std[0], crop]).toEqual([0.286, 0.353, 'squash']);
  });

  test('says what it assumes of those that do not', async () => {
    const ran = await train('untold.safetensors', 'assumed');
    expect(ran.status).toBe(0);
    expect(ran.error).toMatch(
      /^\S*untold\.safetensors does not tell how its pictures are prepared; assumed: ImageNet's [^;]*; 28 x 28 pixels\. Training goes on with that[^\n]*; --input-size gives the size\nepoch 1/,
    );
    expect(savedIn('assumed').mean[0]).toBe(0.485);
  });
});

describe('models of texts', () => {
  const file = path.resolve(__dirname, '../../weights', `${TEXTS}.safetensors`);
  const commands = (given: string): string[][] => [
    ['classify', image, '-w', given],
    ['segment', image, '-w', given, '-o', at('out')],
    ['detect', image, '-w', given, '-o', at('out')],
  ];

  test('by name', async () => {
    for (const args of [commands(TEXTS)[0] as string[], ['convert', TEXTS, at('out')]]) {
      expect(await cliError(...args)).toMatch(
        /names a classifier of texts; this command takes pictures; in a program preprocessTexts/,
      );
    }
  });

  test('by file', async () => {
    expect(await cliOut('inspect', '--no-tensors', file)).toContain('those of a model of texts');
    for (const args of [...commands(file), ['convert', file, at('out')]]) {
      expect(await cliError(...args)).toContain('those of a model of texts');
    }
  });

  test('by folder', async () => {
    const model = await createModel(TEXTS, { pretrained: true });
    await model.save(fileSystem(at('texts')));
    model.dispose();
    for (const args of commands(at('texts'))) {
      expect(await cliError(...args)).toMatch(
        /is a model of texts, and of no pictures: in a program/,
      );
    }
  });
});
