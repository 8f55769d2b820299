/** `evaluate --maps`: a segmenter on pictures with label maps. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, evaluateSegmenter, saveCheckpoint } from 'tfjs-revcol';
import { segmentationFolder } from 'tfjs-revcol/node';
import { encodePng } from '../../src/pictures/encode_png';
import { folderOf } from '../pictures/folders';
import { rgbPng } from '../pictures/image_files';
import { randomizeWeights } from '../support/training_step';
import { cliError, cliOut } from './run';

const CLASSES = ['sky', 'sea', 'sand'];
const SIDE = 36;

let place: string;
const at = (name: string) => path.join(place, name);

beforeAll(async () => {
  await tf.setBackend('wasm');
  const picture = (seed: number) =>
    rgbPng(SIDE, SIDE, (x, y) => [(seed * x) % 256, (7 * y + seed) % 256, (x * y) % 256]);
  const map = (seed: number, most = 3) => {
    const data = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => Math.floor(i / seed) % most);
    return encodePng({ width: SIDE, height: SIDE, data });
  };
  const both = (images: string, maps: string) => ({
    [`${images}/a.png`]: picture(5),
    [`${images}/b/c.png`]: picture(3),
    [`${maps}/a.png`]: map(50),
    [`${maps}/b/c.png`]: map(90),
  });
  place = folderOf({
    ...both('images', 'maps'),
    ...both('parts/images/val', 'parts/maps/val'),
    'from-one/a.png': map(50, 4),
    'from-one/b/c.png': map(90, 4),
    'some/a.png': map(50),
  });
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    columns: 2,
    channels: [2, 3, 4, 5],
    depths: [1, 0, 1, 1],
    headChannels: 4,
    numClasses: 3,
  });
  randomizeWeights(model.weights, 5);
  await saveCheckpoint(model, at('small.pth'), { format: 'openmmlab', classes: CLASSES });
  const source = await segmentationFolder(at('images'), at('maps'), { classNames: CLASSES });
  expected = await evaluateSegmenter(model, source, { scales: [1, 1.5], flip: true });
  await source.close();
  model.dispose();
});
afterAll(() => fs.rmSync(place, { recursive: true }));

let expected: unknown;

test('as JSON it is what the function gives, as text a table', async () => {
  const args = [at('images'), '--maps', at('maps'), '--weights', at('small.pth')];
  const more = ['--scales', '1,1.5', '--flip'];
  const json = await cliOut('evaluate', ...args, ...more, '--json');
  expect(JSON.parse(json)).toEqual(expected);
  // As a part of folders that have several.
  const part = [at('parts/images'), '--maps', at('parts/maps'), '--split', 'val'];
  const text = await cliOut('evaluate', ...part, '--weights', at('small.pth'), ...more);
  const { mIoU } = expected as { mIoU: number };
  expect(text).toContain(`${(100 * mIoU).toFixed(2)} %`);
  expect(text).toMatch(/sand .*%/);
});

test('classes that are counted from 1', async () => {
  const json = await cliOut(
    ...['evaluate', at('images'), '--maps', at('from-one'), '--reduce-zero-label', '--json'],
    ...['--weights', at('small.pth')],
  );
  const { pixels } = JSON.parse(json) as { pixels: number };
  expect(pixels).toBeGreaterThan(SIDE * SIDE);
  expect(pixels).toBeLessThan(2 * SIDE * SIDE);
});

test('what does not fit is told', async () => {
  const weights = ['--weights', at('small.pth')];
  expect(await cliError('evaluate', at('images'), '--maps', at('some'), ...weights)).toMatch(
    /has no label map b.c\.png in \S+some; add it/,
  );
  expect(await cliError('evaluate', at('images'), '--maps', at('from-one'), ...weights)).toMatch(
    /label 3 at column \d+, row \d+ .*Where labels count classes from 1, give --reduce-zero-label/,
  );
  for (const [images, maps] of [
    ['images', 'parts/maps'],
    ['parts/images', 'some'],
  ] as const) {
    const split = [at(images), '--maps', at(maps), '--split', 'val', ...weights];
    expect(await cliError('evaluate', ...split)).toMatch(
      /^--split val: \S+(images has no folder val; it has b|some has no folder val; it has no folders)\. With --maps/,
    );
  }
  // Also where what is given is the default.
  const useless: [string, string][] = [
    ['--worst', '20'],
    ['--batch', '32'],
    ['--input-size', '64'],
    ['--report', 'report.html'],
  ];
  for (const given of useless) {
    const args = [at('images'), '--maps', at('maps'), ...given, ...weights];
    expect(await cliError('evaluate', ...args)).toContain(`${given[0]} is for classifiers`);
  }
  const window = [at('images'), '--maps', at('maps'), '--window', '36', ...weights];
  expect(await cliError('evaluate', ...window)).toMatch(/--window 36 .*; add --mode slide/);
  for (const given of [
    ['--window', '36'],
    ['--mode', 'slide'],
    ['--flip'],
    ['--map-suffix', '.png'],
  ]) {
    expect(await cliError('evaluate', at('images'), ...given, ...weights)).toContain(
      `${given[0]} goes with --maps`,
    );
  }
});
