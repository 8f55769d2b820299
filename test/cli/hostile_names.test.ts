/** Names from files that would fake lines, move the cursor or turn the direction of writing, in whatever is printed. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, saveCheckpoint } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { readClassNames, textOfNames } from '../../src/cli/models/class_names';
import { writeTrained } from '../../src/cli/train/output';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { folderOf, plainPng } from '../pictures/folders';
import { cli } from './run';

const FAKE = 'FAKED 100.0%';
/** Each tries to begin a line of its own. */
const NAMES = [
  `a\n${FAKE}`,
  `b\r${FAKE}`,
  `c\u2028${FAKE}\u202e`,
  `d\u0085${FAKE}\u001b[2J\t`,
] as const;

let place: string;
const at = (name: string): string => path.join(place, name);
/** Folders of some systems cannot be called so. */
const onPosix = process.platform === 'win32' ? test.skip : test;

/** All that a command printed: has the names, and obeys none of them. */
async function printed(...args: string[]): Promise<string> {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const { out, error } = await cli(...args);
  const warned = warn.mock.calls.map(([text]) => `${text}\n`).join('');
  warn.mockRestore();
  const text = out + error + warned;
  expect(text).toContain(FAKE);
  expectHarmless(text);
  return text;
}

function expectHarmless(text: string): void {
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  for (const line of text.split('\n')) expect(line).not.toMatch(/^\W*FAKED/);
}

/** Its classes are the channels. */
async function saveModel(name: string, classNames: readonly string[]): Promise<string> {
  const { globalAveragePooling2d } = tf.layers;
  const pooling = globalAveragePooling2d({
    inputShape: [8, 8, 3],
    dataFormat: 'channelsLast',
  });
  const model = tf.sequential({ layers: [pooling] });
  model.setUserDefinedMetadata({ classNames });
  await model.save(fileSystem(at(name)));
  model.dispose();
  return at(name);
}

beforeAll(async () => {
  await tf.setBackend('wasm');
  place = folderOf({
    'one.png': plainPng([250, 20, 10]),
    'three.json': JSON.stringify(NAMES.slice(0, 3)),
    'bad.json': JSON.stringify({ 0: 'x', [NAMES[0]]: 'y' }),
    'own.json': JSON.stringify({
      images: [{ id: 1, width: 8, height: 8, file_name: 'one.png' }],
      categories: NAMES.map((name, id) => ({ id, name })),
      annotations: [
        { id: 1, image_id: 1, category_id: 1, bbox: [1, 1, 4, 4], area: 16, iscrowd: 0 },
      ],
    }),
    'results.json': JSON.stringify([{ image_id: 1, category_id: 1, bbox: [1, 1, 4, 4], score: 1 }]),
  });
});
afterAll(() => fs.rmSync(place, { recursive: true }));

test('classify, as text and as JSON', async () => {
  const model = await saveModel('model', NAMES.slice(0, 3));
  const text = await printed('classify', at('one.png'), '-w', model);
  // The picture, and a line for each class; behind them what is assumed.
  expect(text.split('\n')).toHaveLength(1 + 3 + 1 + 1);
  const json = await printed('classify', at('one.png'), '-w', model, '--json');
  const [, body = ''] = /^(\{.*?\n\}\n)/s.exec(json) ?? [];
  const told = Object.values(JSON.parse(body) as Record<string, { name: string }[]>)[0] ?? [];
  expect(new Set(told.map(({ name }) => name))).toEqual(new Set(NAMES.slice(0, 3)));
});

onPosix('evaluate', async () => {
  const [label, picture] = [NAMES[0], `1\n${FAKE}.png`];
  for (const name of [label, NAMES[1]]) fs.mkdirSync(at(`data/${name}`), { recursive: true });
  fs.writeFileSync(at(`data/${NAMES[1]}/1.png`), plainPng([250, 10, 20]));
  fs.writeFileSync(at(`data/${label}/${picture}`), plainPng([10, 250, 20]));
  fs.writeFileSync(at(`data/${label}/broken\n${FAKE}.png`), 'broken');
  const model = await saveModel('evaluated', NAMES.slice(0, 3));
  const all = ['evaluate', at('data'), '-w', model];
  const text = await printed(...all, '--skip-broken');
  expect(text).toMatch(/\nworst mistakes .*\n\S.*\n\S.*\n\nleft out .*\n.*broken\\nFAKED/);
  await printed(...all);
  await printed('classify', at(`data/${label}/${picture}`), '-w', model);
  await printed('evaluate', at('data'), '-w', await saveModel('other', ['x', 'y', 'z']));
});

test('inspect, convert, and messages', async () => {
  const file = at('odd.safetensors');
  const read = async () => Float32Array.of(1);
  const tensors = NAMES.map((name) => ({ name, shape: [1], read }));
  await writeSafetensors(tensors, file, { metadata: { [NAMES[0]]: 'x' } });
  await printed('inspect', file);
  await printed('inspect', file, '--json');
  await printed('inspect', file, '--prefix', 'nothing');
  await printed('classify', at('one.png'), '-w', at('model'), '-l', at('bad.json'));
});

test('evaluate --coco', async () => {
  await printed('evaluate', '--coco', at('own.json'), '--results', at('results.json'));
});

test('segment and detect', async () => {
  const form = {
    columns: 1,
    channels: [1, 1, 1, 1],
    depths: [1, 0, 0, 0],
    numClasses: 3,
  };
  const segmenter = createModel('upernet_revcol_tiny.ade20k_512', {
    ...form,
    headChannels: 1,
    auxiliaryHead: false,
  });
  const detector = createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    ...form,
    pyramidChannels: 1,
    hiddenChannels: 1,
  });
  await saveCheckpoint(segmenter, at('s.pth'), {
    format: 'openmmlab',
    classes: NAMES.slice(0, 3),
    palette: [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ],
  });
  await saveCheckpoint(detector, at('d.pth'), { format: 'openmmlab', classes: NAMES.slice(0, 3) });
  for (const made of [segmenter, detector]) made.dispose();
  const of = (command: string, file: string) => [command, at('one.png'), '-w', at(file), '-o'];
  await printed(...of('segment', 's.pth'), at('s'), '--short-side', '32');
  const sizes = ['--short-side', '32', '--long-side', '32', '--proposals', '5', '--score', '0'];
  await printed(...of('detect', 'd.pth'), at('d'), ...sizes, '--no-masks');
  await printed(
    ...of('detect', 'd.pth'),
    at('e'),
    ...sizes,
    '--coco',
    at('own.json'),
    '-c',
    at('bad.json'),
  );
});

test('what train writes: names stay one in each line', async () => {
  const model = tf.sequential({ layers: [tf.layers.flatten({ inputShape: [1, 1] })] });
  const result = {
    model,
    classNames: [...NAMES],
    history: [],
    epochHistory: [],
    settings: {},
    best: null,
    steps: 1,
    seconds: 1,
    stopped: null,
    skipped: [],
  };
  const trained = {
    result,
    best: null,
    scores: () => Promise.reject(new Error()),
    dispose: () => undefined,
  };
  const scores = { evaluation: null, part: 'none', line: null, content: async () => ({}) };
  await writeTrained(at('trained'), trained as never, scores, []);
  model.dispose();
  const text = fs.readFileSync(at('trained/labels.txt'), 'utf8');
  expectHarmless(text);
  expect(await readClassNames(at('trained/labels.txt'))).toEqual(NAMES);
});

test.each([
  ['in lines', ['cat', 'big dog'], 'cat\nbig dog\n'],
  ['with a space before one', [' cat', 'dog'], '[" cat","dog"]\n'],
  ['like JSON', ['[cat', 'dog'], '["[cat","dog"]\n'],
  ['with escapes', ['\u001b[31mcat', 'a\\u001bdog'], '["\\u001b[31mcat","a\\\\u001bdog"]\n'],
])('names %s come back from the file that has them', async (_, names, expected) => {
  expect(textOfNames(names)).toBe(expected);
  fs.writeFileSync(at('names.txt'), textOfNames(names));
  expect(await readClassNames(at('names.txt'))).toEqual(names);
});
