/** The command `train`: what it writes, what it refuses, and Ctrl-C in the middle. */
import '@tensorflow/tfjs-backend-wasm';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { PNG } from 'pngjs';

import { fileSystem } from 'tfjs-revcol/node';
import { cli, cliError, cliOut } from './run';

const MAIN = path.join(__dirname, '../../src/cli/main.ts');
const SIDE = 8;
/** A network that learns in moments. */
const TINY =
  '--model revcol_tiny --columns 2 --channels 4,6 --depths 1,1 --patch-size 2 --input-size 8 ' +
  '--batch 8 --learning-rate 0.02 --augment none --backend wasm';

let folder: string;
let pets: string;
const at = (...names: string[]): string => path.join(folder, ...names);

/** A picture whose upper or lower half is bright. */
function picture(isTop: boolean, number: number): Buffer {
  const png = new PNG({ width: SIDE, height: SIDE });
  for (let i = 0; i < SIDE * SIDE; i++) {
    const bright = i < (SIDE * SIDE) / 2 === isTop;
    png.data.fill((bright ? 180 : 20) + ((7 * i + 31 * number) % 50), 4 * i, 4 * i + 3);
    png.data[4 * i + 3] = 255;
  }
  return PNG.sync.write(png);
}

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-train-'));
  pets = at('pets');
  for (const [name, isTop] of [
    ['day', true],
    ['night sky', false],
  ] as const) {
    fs.mkdirSync(path.join(pets, name), { recursive: true });
    for (let i = 0; i < 20; i++) {
      fs.writeFileSync(path.join(pets, name, `${i}.png`), picture(isTop, i));
    }
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

async function weightsIn(out: string): Promise<number[][]> {
  await tf.setBackend('wasm');
  const model = await tf.loadLayersModel(fileSystem(out));
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  model.dispose();
  return weights;
}

test('a folder becomes a model that classify takes, with its history and a report', async () => {
  const out = at('whole');
  const ran = await cli('train', pets, ...TINY.split(' '), '--epochs', '16', '--out', out);
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(
    /^\d+\.\d % of 8 pictures for validation are classified rightly\nmodel: /,
  );
  // Nobody watches: a line for each epoch, and nothing that moves.
  expect(ran.error.trimEnd().split('\n')).toHaveLength(16);
  expect(ran.error).toMatch(
    /^epoch 1 of 16 \(all\), loss \d\.\d{4}, accuracy .* images\/s, .* kB\n/,
  );
  const files = fs.readdirSync(out).filter((name) => !name.startsWith('weights'));
  expect(files.sort()).toEqual([
    'checkpoint',
    'history.json',
    'labels.txt',
    'model.json',
    'report.html',
  ]);
  expect(fs.readFileSync(path.join(out, 'labels.txt'), 'utf8')).toBe('day\nnight sky\n');
  expect(fs.readFileSync(path.join(out, 'report.html'), 'utf8')).toContain('night sky');
  const history = JSON.parse(fs.readFileSync(path.join(out, 'history.json'), 'utf8')) as {
    history: { epoch: number }[];
  };
  expect(history.history.at(-1)?.epoch).toBe(16);
  const classified = JSON.parse(
    await cliOut('classify', path.join(pets, 'day', '0.png'), '--weights', out, '--json'),
  ) as Record<string, { name: string; probability: number }[]>;
  expect(Object.values(classified)[0]?.[0]?.name).toBe('day');
  // As a checkpoint it says the same, and knows its classes and pictures.
  await cliOut('convert', out, at('pets.safetensors'));
  const again = await cliOut(
    ...['classify', path.join(pets, 'day', '0.png'), '--weights', at('pets.safetensors'), '--json'],
  );
  const [before, after] = [
    Object.values(classified)[0] ?? [],
    JSON.parse(again) as typeof classified,
  ];
  expect(Object.values(after)[0]?.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  expect(Object.values(after)[0]?.[0]?.probability).toBeCloseTo(before[0]?.probability ?? NaN, 5);
  // What training goes on from is no model.
  const state = path.join(out, 'checkpoint/best.safetensors');
  for (const args of [
    ['classify', path.join(pets, 'day', '0.png'), '-w', state],
    ['convert', state, at('converted')],
  ]) {
    expect(await cliError(...args)).toMatch(
      /best\.safetensors is what training goes on from, and no model; give the folder of the model, .*whole$/,
    );
  }
  const inspected = await cliOut('inspect', state, '--no-tensors');
  expect(inspected).toMatch(/^training: saved after \d+ steps; /m);
  expect(inspected).toMatch(
    /^model: .*: \d+ tensors, \d+ values, [\d.]+ kB, \d+ values not trained$/m,
  );
  expect(inspected).toMatch(
    /^optimizer: AdamW, \d+ updates, learning rate \S+: \d+ tensors, .* kB$/m,
  );
  expect(inspected).toMatch(/^run: +\d+ of 16 epochs, .* 2 classes: day, night sky$/m);
  expect(inspected).not.toContain('not those of a RevCol');
  const { training } = JSON.parse(await cliOut('inspect', state, '--json')) as {
    training: Record<'model' | 'optimizer', { bytes: number; values: number; className?: string }>;
  };
  // Two moments for each weight that is trained.
  expect(training.optimizer).toMatchObject({ className: 'RevColAdamW', config: { beta1: 0.9 } });
  expect(training.model.bytes).toBe(4 * training.model.values);
  expect(training.optimizer.values).toBeGreaterThan(1.9 * training.model.values);
  // It does not write over what it has written.
  expect(await cliError('train', pets, ...TINY.split(' '), '--out', out)).toMatch(/is not empty/);
});

test('Ctrl-C saves and says how to go on, which ends as if nothing had been', async () => {
  const [whole, stopped] = [at('undisturbed'), at('in two parts')];
  const words = ['train', pets, ...TINY.split(' '), '--epochs', '12', '--seed', '3'];
  expect((await cli(...words, '--out', whole)).status).toBe(0);
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...words, '--out', stopped], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const before = said.length;
    said += text;
    if (before === 0) child.kill('SIGINT');
  });
  const end = await new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  expect(end).toEqual({ code: null, signal: 'SIGINT' });
  expect(said).toContain('interrupted; what was trained is saved. To go on:\n');
  expect(said).toMatch(
    / tfjs-revcol train .*pets (?=.*--model revcol_tiny )(?=.*--seed 3 ).*--resume\n$/,
  );
  expect(fs.existsSync(path.join(stopped, 'model.json'))).toBe(false);
  const state = path.join(stopped, 'checkpoint', 'last.safetensors');
  expect(await cliError('convert', state, at('none'))).toMatch(
    /and no model; let train --resume go on to the end, .* and give that, .*two parts$/,
  );
  expect(await cliError(...words, '--out', stopped)).toMatch(
    /not finished, \d+ steps of it; --resume/,
  );
  expect((await cli(...words, '--out', stopped, '--resume')).status).toBe(0);
  expect(await weightsIn(stopped)).toEqual(await weightsIn(whole));
});

test('what was left out is told, and that there was nothing to go on with', async () => {
  const torn = at('torn pets');
  fs.cpSync(pets, torn, { recursive: true });
  for (let i = 0; i < 3; i++) fs.writeFileSync(path.join(torn, 'day', `torn ${i}.png`), 'x');
  const out = at('left out');
  const words = ['train', torn, ...TINY.split(' '), '--epochs', '2', '--out', out];
  const failed = await cli(...words, '--resume');
  expect(failed.status).toBe(1);
  expect(failed.error).toMatch(
    /left out holds nothing to go on with: training begins\n(.*\n)*.*torn \d\.png: .* left out: --skip-broken\. What was trained is saved: when that is mended, or with --skip-broken, --resume goes on with it\n$/,
  );
  const ran = await cli(...words, '--skip-broken', '--resume');
  expect(ran.status).toBe(0);
  const { skipped, evaluation } = JSON.parse(
    fs.readFileSync(path.join(out, 'history.json'), 'utf8'),
  ) as Record<'skipped', { name: string }[]> & { evaluation: { skipped: { name: string }[] } };
  const report = fs.readFileSync(path.join(out, 'report.html'), 'utf8');
  // Each is for training or for validation.
  const all = [...skipped, ...evaluation.skipped].map(({ name }) => name);
  expect(new Set(all)).toEqual(new Set([0, 1, 2].map((i) => `day/torn ${i}.png`)));
  for (const name of all) expect(report).toContain(name);
  expect(skipped.length).toBeGreaterThan(0);
  for (const { name } of skipped) expect(ran.out).toContain(name);
  expect(ran.out).toMatch(/^left out +why$/m);
});

test('what it refuses, before anything is written', async () => {
  const one = at('one');
  fs.mkdirSync(path.join(one, 'only'), { recursive: true });
  fs.writeFileSync(path.join(one, 'only', '1.png'), picture(true, 1));
  const out = at('never');
  const words = [...TINY.split(' '), '--out', out];
  expect(await cliError('train', at('nowhere'), ...words)).toMatch(/cannot be listed/);
  expect(await cliError('train', one, ...words)).toMatch(/only/);
  expect(await cliError('train', pets, ...words, '--memory', '1kB')).toMatch(/memory is 1.00 kB/);
  expect(await cliError('train', pets, ...words, '--adapters', '--head-only')).toMatch(
    /give one of/,
  );
  const file = path.join(one, 'only', '1.png');
  expect(await cliError('train', pets, ...words, '--out', file)).toMatch(
    /is a file; give a folder/,
  );
  expect(fs.existsSync(out)).toBe(false);
});
