/** Models that do not tell what they take: how pictures are prepared, and those that take texts. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, saveCheckpoint } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import images from '../pictures/images.json';
import { cli, cliAssuming, cliError, cliOut } from './run';

const TEXTS = 'revcol_text_femto.languages';
let folder: string;
let image: string;
const at = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-untold-'));
  image = at('a.png');
  fs.writeFileSync(image, Buffer.from(images.files['png grey'].file, 'base64'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe('published weights that were saved without their record', () => {
  beforeAll(async () => {
    const model = await createModel('revcol_femto.fashion', { pretrained: true });
    await saveCheckpoint(model, at('cls.safetensors'));
    await model.save(fileSystem(at('cls')));
    model.dispose();
  });

  test('of a checkpoint the size is known, the rest is assumed, and that is said', async () => {
    const ran = await cli('classify', image, '-w', at('cls.safetensors'));
    expect(ran.status).toBe(0);
    expect(ran.error).toContain(
      "cls.safetensors does not tell how its pictures are prepared; assumed: ImageNet's mean 0.485, 0.456, " +
        '0.406 and deviation 0.229, 0.224, 0.225; 28 x 28 pixels; numbers in place of the names of classes. ' +
        'They are of RGB pictures, and this model takes grey ones',
    );
    expect(ran.error).toMatch(/; --input-size gives the size, --labels gives the names\n$/);
    const sized = await cli('classify', image, '-w', at('cls.safetensors'), '--input-size', '28');
    expect(sized.out).toBe(ran.out);
    expect(sized.error).not.toContain('28 x 28');
  });

  test('of a folder, too, whose layers tell the size', async () => {
    const ran = await cli('classify', image, '-w', at('cls'));
    expect(ran.error).toContain('does not tell how its pictures are prepared');
    expect(ran.error).not.toContain('--input-size');
    // What convert makes of the checkpoint knows no more, and convert says so.
    await cliAssuming('convert', at('cls.safetensors'), at('made'));
    expect(await cliAssuming('classify', image, '-w', at('made'))).toBe(ran.out);
  });

  test('what the line advises brings the right answer', async () => {
    const expected = await cliOut('classify', image, '-w', 'revcol_femto.fashion');
    const named = at('revcol_femto.fashion.safetensors');
    fs.copyFileSync(at('cls.safetensors'), named);
    expect(await cliOut('classify', image, '-w', named)).toContain(expected.split('\n')[1]);
  });

  test('a size that is too small is told by the model', async () => {
    const args = ['-w', at('cls.safetensors'), '--input-size', '7'];
    expect(await cliError('classify', image, ...args)).toContain('give at least 8 x 8');
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
