/** `train --maps`: a segmenter from the command line, as segment and evaluate take it. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, saveCheckpoint } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { commandAgain, type TrainOptions } from '../../src/cli/train/options';
import { encodePng } from '../../src/pictures/encode_png';
import { folderOf } from '../pictures/folders';
import { rgbPng } from '../pictures/image_files';
import { cli, cliError, cliOut } from './run';

const SIDE = 32;
/** A network that learns in moments. */
const TINY =
  '--model upernet_revcol_tiny.ade20k_512 --random-weights --columns 2 --channels 4,6,8 --depths 1,1,1 ' +
  `--head-channels 8 --input-size ${SIDE} --augment none --batch 4 --learning-rate 0.02 --backend wasm`;

let place: string;
const at = (...names: string[]): string => path.join(place, ...names);

/** The sea is below a line, and blue. */
const isSea = (y: number, number: number): boolean => y >= 8 + ((5 * number) % 16);
const picture = (number: number): Uint8Array =>
  rgbPng(SIDE, SIDE, (x, y) => {
    const noise = (7 * x + 11 * y + 31 * number) % 40;
    return isSea(y, number) ? [noise, 40 + noise, 200] : [220, 180 + noise, 40];
  });
const map = (number: number): Uint8Array => {
  const data = Uint8Array.from({ length: SIDE * SIDE }, (_, i) =>
    isSea(Math.floor(i / SIDE), number) ? 1 : 0,
  );
  return encodePng({ width: SIDE, height: SIDE, data });
};

beforeAll(() => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 20; i++) {
    const part = i < 12 ? 'training' : i < 16 ? 'validation' : 'test';
    files[`images/${part}/${i}.png`] = picture(i);
    files[`maps/${part}/${i}_map.png`] = map(i);
  }
  place = folderOf(files);
  fs.writeFileSync(at('maps/classes.txt'), 'beach\nsea\n');
});
afterAll(() => fs.rmSync(place, { recursive: true }));

const data = (): string[] => [
  ...['train', at('images'), '--maps', at('maps'), '--map-suffix', '_map.png'],
];
const words = (...more: string[]): string[] => [...data(), ...TINY.split(' '), ...more];

test('pictures and maps become a model that evaluate and segment take', async () => {
  const out = at('whole');
  const ran = await cli(...words('--epochs', '8', '--out', out));
  expect(ran.error).toMatch(
    /^epoch 1 of 8 \(all\), loss \d\.\d{4}, accuracy .*, validation mIoU \d+\.\d % \*, .* images\/s/,
  );
  expect(ran.status).toBe(0);
  const said = /^mIoU (\S+) %, (\S+) % of the pixels .*, of 4 pictures for testing\nmodel: /.exec(
    ran.out,
  );
  expect(Number(said?.[1])).toBeGreaterThan(70);
  expect(fs.readFileSync(path.join(out, 'labels.txt'), 'utf8')).toBe('beach\nsea\n');
  const report = fs.readFileSync(path.join(out, 'report.html'), 'utf8');
  for (const shown of ['Mean intersection over union', 'beach', at('maps')]) {
    expect(report).toContain(shown);
  }
  const saved = JSON.parse(fs.readFileSync(path.join(out, 'history.json'), 'utf8')) as {
    evaluation: { mIoU: number };
    best: { mIoU: number };
  };
  expect((100 * saved.evaluation.mIoU).toFixed(1)).toBe(said?.[1]);
  // As whoever has the folder finds.
  const evaluated = await cliOut(
    ...['evaluate', at('images/test'), '--maps', at('maps/test'), '--map-suffix', '_map.png'],
    ...['--weights', out, '--json', '--backend', 'wasm'],
  );
  expect(JSON.parse(evaluated)).toEqual(saved.evaluation);
  const segmented = await cliOut(
    ...['segment', at('images/test/17.png'), '--weights', out, '--out', at('maps-found')],
    ...['--json', '--backend', 'wasm'],
  );
  const [found] = Object.values(
    JSON.parse(segmented) as Record<string, { areas: { name: string }[] }>,
  );
  expect(found?.areas.map(({ name }) => name).sort()).toEqual(['beach', 'sea']);
  // What training goes on from is no model; what came of it can be trained on.
  const state = path.join(out, 'checkpoint/best.safetensors');
  const asModel = ['--weights', state, '--out', at('never')];
  expect(await cliError('segment', at('images/test/17.png'), ...asModel)).toMatch(
    /is what training goes on from, and no model; give the folder of the model, .*whole$/,
  );
  // It knows how large its crops were, which are its windows, too.
  const from = ['--model', out, '--batch', '4', '--backend', 'wasm'];
  const again = await cli(...data(), ...from, '--epochs', '1', '--out', at('again'));
  expect(again.out).toMatch(/^mIoU [7-9]\d/);
  expect(JSON.parse(fs.readFileSync(at('again/history.json'), 'utf8'))).toMatchObject({
    settings: { augment: { cropSize: [SIDE, SIDE] } },
  });
  const slid = await cliOut(
    ...['evaluate', at('images/test'), '--maps', at('maps/test'), '--map-suffix', '_map.png'],
    ...['--weights', out, '--json', '--backend', 'wasm', '--mode', 'slide'],
    // Whose stride is that of larger windows.
    ...['--model', 'upernet_revcol_tiny.ade20k_512', '--short-side', String(SIDE)],
  );
  expect(JSON.parse(slid)).toEqual(saved.evaluation);
  // It is finished: what goes on has the same settings, and gives the same.
  expect(await cliOut(...words('--epochs', '8', '--out', out, '--resume'))).toBe(ran.out);
});

test('how to go on has all that was given', () => {
  const options: TrainOptions = {
    ...{ model: 'upernet_revcol_tiny.ade20k_512', out: 'my run', seed: 0, resume: true },
    ...{ maps: 'labels', mapSuffix: '_map.png', reduceZeroLabel: true, channels: [4, 6, 8] },
    ...{ shortSide: 'none', randomWeights: true },
  };
  expect(commandAgain('images', options)).toBe(
    'npx tfjs-revcol train images --model upernet_revcol_tiny.ade20k_512 ' +
      "--out 'my run' --maps labels --map-suffix _map.png --reduce-zero-label --channels 4,6,8 " +
      '--short-side none --random-weights',
  );
});

test('a checkpoint begins with other classes', async () => {
  await tf.setBackend('wasm');
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    columns: 2,
    channels: [4, 6, 8],
    depths: [1, 1, 1],
    headChannels: 8,
    numClasses: 5,
  });
  await saveCheckpoint(model, at('five.pth'), { format: 'openmmlab' });
  model.dispose();
  const warned = jest.spyOn(console, 'warn').mockReturnValue();
  const ran = await cli(
    ...[...data(), '--model', at('five.pth'), '--input-size', String(SIDE), '--epochs', '1'],
    ...['--batch', '4', '--backend', 'wasm', '--out', at('from five')],
  );
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('decode_head.conv_seg.weight'));
  warned.mockRestore();
  expect(ran.out).toMatch(/^mIoU /);
  expect(ran.error).toMatch(
    /five\.pth does not tell how its pictures are prepared; assumed: ImageNet's mean [^;]*\. Training goes on with/,
  );
  const trained = await tf.loadLayersModel(fileSystem(at('from five')));
  expect(trained.outputs.map(({ shape }) => shape[3])).toEqual([2, 2]);
  trained.dispose();
});

test('what it refuses, before anything is written', async () => {
  const out = at('never');
  const refused = (...more: string[]) => cliError(...words('--out', out, ...more));
  const change = (name: string, value: string) =>
    cliError(...words('--out', out).map((word, i, all) => (all[i - 1] === name ? value : word)));
  expect(await refused('--memory', '1GB')).toMatch(
    /^--memory is for classifiers, --maps for segmenters; leave one of them out$/,
  );
  expect(await refused('--augment', 'strong')).toMatch(/--augment strong is for classifiers/);
  expect(await change('--map-suffix', '.png')).toMatch(
    /has no label map 0\.png in .*by --map-suffix what/,
  );
  expect(await change('--maps', at('maps/test'))).toMatch(/what the classes of .* are called/);
  expect(await change('--model', 'revcol_tiny')).toMatch(/names a classifier; the segmenters are/);
  expect(await change('--batch', '1')).toMatch(/^batch is 1, .*; expected 2 of both at least/);
  const published = words('--out', out).filter((word) => word !== '--random-weights');
  expect(await cliError(...published)).toMatch(
    /^--columns is for random weights.*--random-weights/,
  );
  expect(
    await cliError('train', at('images'), '--reduce-zero-label', '-m', 'revcol_tiny', '-o', out),
  ).toMatch(/^--reduce-zero-label is for segmenters; add --maps, or leave it out$/);
  fs.rmSync(at('maps/validation'), { recursive: true });
  expect(await refused()).toMatch(/validation has no label maps: \S+ has no folder validation/);
  expect(fs.existsSync(out)).toBe(false);
});
