/** `segment` on pictures and folders, with checkpoints and saved models; `inspect` of a segmenter. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { PNG } from 'pngjs';

import {
  createModel,
  type CreateSegmenterOptions,
  paintSegmentation,
  saveCheckpoint,
  segment,
  type SegmentOptions,
} from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { requireFitting } from '../../src/cli/predict/segment_sizes';
import { SEGMENTATION_WEIGHTS } from '../../src/registry/segmentation';
import { folderOf, plainPng } from '../pictures/folders';
import { rgbPng } from '../pictures/image_files';
import { expectNoLeak } from '../support/backends';
import { randomizeWeights } from '../support/training_step';
import { smallModel } from '../weights/support/small_checkpoint';
import { cli, cliError, cliOut } from './run';

const CLASSES = ['sky', 'sea', 'sand'];
const PALETTE = [
  [10, 20, 30],
  [200, 0, 90],
  [0, 250, 5],
] as const;

interface Told {
  overlay: string;
  classes: string;
  width: number;
  height: number;
  areas: { class: number; name: string; colour: number[]; pixels: number; share: number }[];
}

const [WIDTH, HEIGHT] = [44, 36];
const colourAt = (x: number, y: number) => [
  (5 * x + 3 * y) % 256,
  (90 + 7 * y) % 256,
  (x * y) % 256,
];
const PICTURE = rgbPng(WIDTH, HEIGHT, colourAt);
const PIXELS = {
  width: WIDTH,
  height: HEIGHT,
  data: Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return colourAt(pixel % WIDTH, Math.floor(pixel / WIDTH))[i % 3] as number;
  }),
};

let place: string;
let weights: string;
let model: tf.LayersModel;
let outs = 0;
const at = (name: string): string => path.join(place, name);
/** A folder that is not there yet. */
const newOut = (): string => at(`out${outs++}`);

const small = (options: CreateSegmenterOptions = {}) => {
  const made = createModel('upernet_revcol_tiny.ade20k_512', {
    columns: 2,
    channels: [2, 3, 4, 5],
    depths: [1, 0, 1, 1],
    headChannels: 4,
    auxiliaryChannels: 3,
    numClasses: 3,
    auxiliaryHead: true,
    ...options,
  });
  randomizeWeights(made.weights, 5);
  return made;
};

beforeAll(async () => {
  await tf.setBackend('wasm');
  place = folderOf({
    'one.png': PICTURE,
    'pics/b.png': PICTURE,
    'pics/a.png': plainPng([200, 10, 10], 40, 33),
    'pics/deep/a.png': plainPng([20, 10, 210], 33, 33),
    'pics/notes.txt': 'no picture',
    'twins/a.png': PICTURE,
    'twins/a.jpg': PICTURE,
    'empty/notes.txt': 'no picture',
    'tiny.png': plainPng([1, 2, 3], 1, 1),
    'broken.png': PICTURE.subarray(0, 60),
    'mixed/good.png': PICTURE,
    'mixed/bad.png': 'nothing of the kind',
  });
  weights = at('small.pth');
  model = small();
  await saveCheckpoint(model, weights, { format: 'openmmlab', classes: CLASSES, palette: PALETTE });
});
afterAll(() => {
  model.dispose();
  fs.rmSync(place, { recursive: true });
});

/** What `segment` of the package makes of the picture. */
async function expected(options: SegmentOptions = {}) {
  return segment(model, PIXELS, { classes: CLASSES, palette: PALETTE, ...options });
}

async function told(...args: string[]): Promise<Record<string, Told>> {
  return JSON.parse(await cliOut('segment', ...args, '--json')) as Record<string, Told>;
}

/** All files below a folder. */
const files = (folder: string): string[] =>
  fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png') || name.endsWith('.part'))
    .sort();

/** Grey values of a class map; the header says that they are 8 bits of grey. */
function mapOf(file: string): Uint8Array {
  const bytes = fs.readFileSync(file);
  expect([bytes[24], bytes[25]]).toEqual([8, 0]);
  const { data } = PNG.sync.read(bytes);
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] as number);
}

function rgbOf(file: string): Uint8Array {
  const { data } = PNG.sync.read(fs.readFileSync(file));
  return Uint8Array.from(data.filter((_, i) => i % 4 < 3));
}

test('class map and overlay are those of segment, with the classes of the file', async () => {
  const [out, one] = [newOut(), at('one.png')];
  const got = await expectNoLeak(() => told(one, '-w', weights, '-o', out, '--opacity', '0.3'));
  const result = await expected();
  expect(new Set(result.map).size).toBeGreaterThan(1);
  const [overlay, classes] = ['one.overlay.png', 'one.classes.png'].map((n) => path.join(out, n));
  expect(got).toEqual({
    [one]: {
      overlay,
      classes,
      width: WIDTH,
      height: HEIGHT,
      areas: result.areas.map(({ index, name, colour, pixels, share }) => ({
        class: index,
        name,
        colour,
        pixels,
        share,
      })),
    },
  });
  expect(got[one]?.areas.every(({ name, class: c }) => name === CLASSES[c])).toBe(true);
  expect(mapOf(classes as string)).toEqual(result.map);
  const painted = paintSegmentation(result, PIXELS, 0.3);
  expect(rgbOf(overlay as string)).toEqual(painted.data);
});

test.each([
  [['--scales', '1,1.25', '--flip'], { scales: [1, 1.25], flip: true }],
  [['--mode', 'slide', '--window', '33'], { mode: 'slide', inputSize: [33, 33] }],
  [['--short-side', '40'], { shortSide: 40 }],
] as [string[], SegmentOptions][])('%j is what segment takes', async (args, options) => {
  const out = newOut();
  await cliOut('segment', at('one.png'), '-w', weights, '-o', out, ...args);
  const map = mapOf(path.join(out, 'one.classes.png'));
  expect(map).toEqual((await expected(options)).map);
  expect(map).not.toEqual((await expected()).map);
});

test('a folder: its pictures and those of its folders, the largest areas as text', async () => {
  const out = at('pics/made');
  const args = ['segment', at('pics'), '-w', weights, '-o', out, '--top', '1'];
  // Hidden ones are none of it, and what leads back is not followed.
  fs.writeFileSync(at('pics/deep/.c.png'), 'hidden');
  fs.symlinkSync(at('pics'), at('pics/deep/back'));
  const text = await cliOut(...args);
  const stems = ['a', 'b', 'deep/a'];
  const outputs = stems.flatMap((stem) => [`${stem}.classes.png`, `${stem}.overlay.png`]);
  expect(files(out)).toEqual(outputs);
  const [largest] = (await expected()).areas;
  const share = (100 * (largest?.share ?? 0)).toFixed(1);
  expect(text.split('\n\n')).toHaveLength(3);
  expect(text).toContain(`b.png -> ${path.join(out, 'b.overlay.png')}\n`);
  expect(text).toContain(`${share}%      ${largest?.index}  ${largest?.name}`);
  // What was made is no input of the next run, and is not replaced without being told.
  expect(await cliError(...args)).toMatch(/a\.overlay\.png exists; --force replaces it$/);
  const before = fs.readFileSync(path.join(out, 'b.classes.png'));
  await cliOut(...args, '--force', '--flip');
  expect(files(out)).toEqual(outputs);
  expect(fs.readFileSync(path.join(out, 'b.classes.png')).equals(before)).toBe(false);
});

describe('weights', () => {
  const map = async (...args: string[]) => {
    const out = newOut();
    await cliOut('segment', at('one.png'), '-o', out, ...args);
    return mapOf(path.join(out, 'one.classes.png'));
  };

  test('a folder with a saved model, of open sides and of fixed ones', async () => {
    model.setUserDefinedMetadata({ classNames: ['x', 'y', 'z'] });
    await model.save(fileSystem(at('saved')));
    const out = newOut();
    const got = await told(at('one.png'), '-w', at('saved'), '-o', out);
    expect(mapOf(path.join(out, 'one.classes.png'))).toEqual((await expected()).map);
    expect(Object.values(got)[0]?.areas[0]?.name).toMatch(/^[xyz]$/);
    // What convert makes of it is the same.
    await cliOut('convert', at('saved'), at('of folder.safetensors'));
    const same = await told(at('one.png'), '-w', at('of folder.safetensors'), '-o', newOut());
    expect(Object.values(same)[0]?.areas).toEqual(Object.values(got)[0]?.areas);
    const fixed = small({ inputShape: [40, 48, 3], pixelMean: 127, pixelStd: 60 });
    await fixed.save(fileSystem(at('fixed')));
    const slide: SegmentOptions = { mode: 'slide', inputSize: [40, 48], shortSide: 48 };
    const [mean, std] = [[0, 0, 0] as const, [1 / 255, 1 / 255, 1 / 255] as const];
    const one = await segment(fixed, PIXELS, { ...slide, mean, std });
    expect(await map('-w', at('fixed'), '--mode', 'slide')).toEqual(one.map);
    expect(await cliError('segment', at('one.png'), '-w', at('fixed'), '-o', newOut())).toBe(
      'the model takes images of 40 x 48 pixels alone; give --mode slide',
    );
    fixed.dispose();
  });

  test('safetensors, and one of several sets of a file', async () => {
    await saveCheckpoint(model, at('small.safetensors'));
    expect(await map('-w', at('small.safetensors'))).toEqual((await expected()).map);
    const blob = fs.readFileSync(at('small.safetensors'));
    const length = Number(blob.readBigUInt64LE());
    const header = JSON.parse(blob.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
    const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
    const inner = Object.fromEntries(entries.map(([name, entry]) => [`module.${name}`, entry]));
    const bytes = Buffer.from(JSON.stringify(inner));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(bytes.length));
    fs.writeFileSync(
      at('module.safetensors'),
      Buffer.concat([size, bytes, blob.subarray(8 + length)]),
    );
    for (const part of [[], ['--prefix', 'module.']]) {
      const got = await map('-w', at('module.safetensors'), ...part);
      expect(got).toEqual((await expected()).map);
    }
  });

  test.each(['safetensors', 'openmmlab'] as const)(
    'a file of %s tells how pictures are prepared, windows and names; options come first',
    async (format) => {
      const facts = { mean: [0.3, 0.5, 0.2], std: [0.1, 0.4, 0.3], shortSide: 40 } as const;
      const windows = { inputSize: [40, 40], slideStride: 9 } as const;
      const own = small();
      own.setUserDefinedMetadata({ ...facts, ...windows, classNames: ['x', 'y', 'z'] });
      await saveCheckpoint(own, at('told'), { format });
      own.dispose();
      expect(await map('-w', at('told'))).toEqual((await expected(facts)).map);
      const slide = { ...facts, ...windows, mode: 'slide' } as const;
      expect(await map('-w', at('told'), '--mode', 'slide')).toEqual((await expected(slide)).map);
      const given = ['--short-side', '33'];
      const { map: other } = await expected({ ...facts, shortSide: 33 });
      expect(await map('-w', at('told'), ...given)).toEqual(other);
      const names = await told(at('one.png'), '-w', at('told'), '-o', newOut());
      expect(Object.values(names)[0]?.areas[0]?.name).toMatch(/^[xyz]$/);
    },
  );

  test('a file with the name of a published one, and --model, have its sizes', async () => {
    const record = SEGMENTATION_WEIGHTS['upernet_revcol_tiny.ade20k_512'];
    fs.copyFileSync(weights, at(record.fileName));
    // At its short side of 512 pixels all takes long; the options that are given come first.
    const sizes = ['--short-side', '40', '--mode', 'slide', '--window', '40'];
    const options: SegmentOptions = { mode: 'slide', inputSize: [40, 40], shortSide: 40 };
    expect(await map('-w', at(record.fileName), ...sizes)).toEqual((await expected(options)).map);
    expect(
      await cliError('segment', at('one.png'), '-w', weights, '-o', newOut(), '-m', record.name),
    ).toMatch(
      /^--model upernet_revcol_tiny.ade20k_512 has 4 columns, channels 64 128 256 512, .* holds 2 columns, channels 2 3 4 5, depths 1 0 1 1, kernel 3, 4 channels in the head\. Leave it out$/,
    );
  });

  test('a published one by name is downloaded, once', async () => {
    const asked: (string | undefined)[] = [];
    const server = http.createServer((request, response) => {
      asked.push(request.url);
      response.end(fs.readFileSync(weights));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const record = SEGMENTATION_WEIGHTS['upernet_revcol_tiny.ade20k_512'];
    const from = ['--base-url', `http://127.0.0.1:${port}/mirror`, '--cache-dir', at('cache')];
    try {
      const args = ['-w', record.name, ...from, '--short-side', '40'];
      const { map: wanted } = await expected({ shortSide: 40 });
      expect(await map(...args)).toEqual(wanted);
      expect(await map(...args)).toEqual(wanted);
      expect(asked).toEqual([`/mirror/${record.fileName}`]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('names by --classes, and names of another number', async () => {
    fs.writeFileSync(at('names.txt'), 'p\nq\nr\n');
    const args = [at('one.png'), '-w', weights, '-o'];
    const got = await told(...args, newOut(), '--classes', at('names.txt'));
    expect(got[at('one.png')]?.areas.every(({ name }) => /^[pqr]$/.test(name))).toBe(true);
    fs.writeFileSync(at('few.txt'), 'p\nq\n');
    expect(await cliError('segment', ...args, newOut(), '--classes', at('few.txt'))).toContain(
      'few.txt names 2 classes, the model has 3',
    );
    await saveCheckpoint(model, at('stale.pth'), { format: 'openmmlab', classes: ['a', 'b'] });
    const stale = await cli('segment', at('one.png'), '-w', at('stale.pth'), '-o', newOut());
    expect([stale.status, stale.error]).toEqual([
      0,
      `${at('stale.pth')} names 2 classes, its head has 3; the names are left out\n`,
    ]);
    expect(stale.out).toMatch(/class [012]\n/);
  });

  test('what is no segmenter is said, and nothing is written', async () => {
    const out = newOut();
    const fail = (...args: string[]) => cliError('segment', at('one.png'), '-o', out, ...args);
    const classifier = smallModel(1, { inputShape: [32, 32, 3] });
    await saveCheckpoint(classifier, at('classifier.safetensors'));
    await classifier.save(fileSystem(at('classifier')));
    classifier.dispose();
    expect(await fail('-w', at('classifier.safetensors'))).toMatch(
      /classifier\.safetensors is a classifier of 4 classes; expected a segmenter/,
    );
    expect(await fail('-w', at('classifier'))).toMatch(
      /is a classifier, which the command classify takes, and .*\. Here a segmenter is expected$/,
    );
    const dense = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    await dense.save(fileSystem(at('vectors')));
    dense.dispose();
    expect(await fail('-w', at('vectors'))).toMatch(
      /is no segmenter of images: it takes \[null, 3\] and gives \[null, 2\]; expected/,
    );
    expect(await fail('-w', 'revcol_tiny.in1k')).toContain("'revcol_tiny.in1k' names a classifier");
    expect(await fail('-w', at('none.pth'))).toContain('there is no file');
    expect(await fail('-w', weights, '-m', 'revcol_tiny.in1k')).toContain('names a classifier');
    const other = small({ poolScales: [1, 2], auxiliaryHead: false });
    await saveCheckpoint(other, at('other.safetensors'));
    expect(await fail('-w', at('other.safetensors'))).toMatch(/pools to 2 grids, whose sides no/);
    const ill = other.weights[0]?.read() as tf.Tensor;
    other.weights[0]?.write(tf.fill(ill.shape, NaN));
    await other.save(fileSystem(at('ill')));
    other.dispose();
    expect(await fail('-w', at('ill'))).toMatch(/^weight .* holds values that are not finite/);
    expect(fs.existsSync(out)).toBe(false);
  });
});

describe('inputs', () => {
  const fail = (...args: string[]) => cliError('segment', '-w', at('no weights'), ...args);

  test('what is wrong is said before weights are looked for, and nothing is written', async () => {
    const out = newOut();
    expect(await fail(at('empty'), '-o', out)).toBe(
      `${at('empty')} holds no picture; expected JPEG, PNG or WebP files in it`,
    );
    expect(await fail(at('nothing'), '-o', out)).toMatch(
      /nothing cannot be read: there is no such file or folder$/,
    );
    expect(await fail(at('one.png'), at('broken.png'), '-o', out)).toMatch(
      /broken\.png: cannot be decoded: /,
    );
    expect(await fail(at('twins'), '-o', out)).toMatch(
      /a\.jpg and .*a\.png would both be written as .*a\.overlay\.png; rename one/,
    );
    expect(await fail(at('pics/a.png'), at('pics/deep/a.png'), '-o', out)).toContain('would both');
    expect(await fail(at('one.png'), at('one.png'), '-o', out)).toContain('is given twice');
    expect(await fail(at('one.png'), '-o', at('one.png'))).toMatch(/^--out: .* is a file/);
    expect(fs.existsSync(out)).toBe(false);
  });

  test('an input is never replaced', async () => {
    const folder = folderOf({ 'a.png': PICTURE, 'a.overlay.png': PICTURE });
    const inputs = ['a.png', 'a.overlay.png'].map((name) => path.join(folder, name));
    expect(await fail(...inputs, '-o', folder, '--force')).toMatch(
      /a\.overlay\.png is a picture to segment, and would be replaced; give another --out$/,
    );
    fs.rmSync(folder, { recursive: true });
  });

  test.each([
    [['--scales', '1,zero'], 'expected factors above 0'],
    [['--opacity', '2'], 'expected a number from 0 to 1'],
    [['--mode', 'half'], 'Allowed choices are whole, slide'],
    [['--short-side', '0'], 'expected a whole number of at least 1'],
  ])('%j', async (args, message) => {
    const ran = await cli('segment', at('one.png'), '-w', weights, '-o', newOut(), ...args);
    expect([ran.status, ran.error]).toEqual([1, expect.stringContaining(message)]);
  });

  test('a picture of one pixel: too small as it is, and resized it has its class', async () => {
    const out = newOut();
    const args = [at('tiny.png'), '-w', weights, '-o', out];
    expect(await expectNoLeak(() => cliError('segment', ...args))).toMatch(
      /tiny\.png, 1 x 1 pixels, cannot be segmented: /,
    );
    expect(fs.existsSync(out)).toBe(false);
    const got = await told(...args, '--short-side', '40');
    expect(got[at('tiny.png')]).toMatchObject({ width: 1, height: 1, areas: [{ share: 1 }] });
    expect(mapOf(path.join(out, 'tiny.classes.png'))).toHaveLength(1);
  });

  test('--skip-broken leaves out what cannot be read or segmented, and says so', async () => {
    const out = newOut();
    const inputs = [at('mixed'), at('tiny.png')];
    const args = ['segment', ...inputs, '-w', weights, '-o', out, '--skip-broken'];
    const { status, error } = await cli(...args);
    expect(status).toBe(0);
    expect(error).toMatch(
      /^left out: .*bad\.png: neither JPEG, PNG nor WebP.*\nleft out: .*tiny\.png, 1 x 1 pixels, cannot be segmented: [^\n]*\n$/,
    );
    expect(files(out)).toEqual(['good.classes.png', 'good.overlay.png']);
    const none = ['segment', at('tiny.png'), '-w', weights, '-o', newOut(), '--skip-broken'];
    expect(await cliError(...none)).toContain('cannot be segmented');
  });

  test('where a file cannot be written, nothing unfinished is left', async () => {
    const out = newOut();
    fs.mkdirSync(out, { recursive: true });
    // Names that the file system takes, but not with the ending of what is unfinished.
    const long = at(`${'n'.repeat(240)}.png`);
    fs.copyFileSync(at('one.png'), long);
    const args = ['segment', long, '-w', weights, '-o', out, '--skip-broken'];
    expect(await expectNoLeak(() => cliError(...args))).toMatch(
      /nnn\.overlay\.png cannot be written/,
    );
    expect(fs.readdirSync(out)).toEqual([]);
  });
});

test('Ctrl-C: the picture at hand is given up, those before it are whole, and the process ends', async () => {
  const kill = jest.spyOn(process, 'kill').mockReturnValue(true);
  try {
    const out = newOut();
    const first = path.join(out, '0.classes.png');
    const numbers = Array.from({ length: 50 }, (_, i) => String(i));
    const folder = folderOf(Object.fromEntries(numbers.map((n) => [`${n}.png`, PICTURE])));
    const listeners = process.listenerCount('SIGINT');
    const args = ['segment', folder, '-w', weights, '-o', out, '--skip-broken'];
    const ran = await expectNoLeak(async () => {
      const running = cliError(...args);
      while (!fs.existsSync(first)) await new Promise((resolve) => setTimeout(resolve, 1));
      process.emit('SIGINT', 'SIGINT');
      return running;
    });
    expect(ran).toBe('interrupted by SIGINT');
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGINT']]);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    const made = files(out);
    expect(made.length).toBeLessThan(2 * numbers.length);
    const stems = new Set(made.map((name) => name.replace(/\.(overlay|classes)\.png$/, '')));
    expect(made).toHaveLength(2 * stems.size);
    made.forEach((name) => PNG.sync.read(fs.readFileSync(path.join(out, name))));
    fs.rmSync(folder, { recursive: true });
  } finally {
    kill.mockRestore();
  }
});

test('of a picture that is too large, what to give instead', () => {
  requireFitting([512, 2048], 150, { shortSide: 512 });
  const huge = [3000, 20000] as const;
  requireFitting(huge, 150, { shortSide: 512, scales: [1, 1.5] });
  expect(() => requireFitting(huge, 150, {})).toThrow(
    /logits of 150 classes for 20000 x 3000 pixels at once would take 36\.0 GB, and 1\.1 GB are the most; give --mode slide/,
  );
  expect(() => requireFitting([1000, 1000], 150, { scales: [1, 1.75] })).toThrow('1750 x 1750');
  requireFitting(huge, 20, { mode: 'slide' });
  expect(() => requireFitting(huge, 20, { mode: 'slide', flip: true })).toThrow(
    /a row of windows over 20000 x 3000 pixels would take 1\.6 GB, all scales together, .* a smaller --window/,
  );
  requireFitting(huge, 20, { mode: 'slide', flip: true, inputSize: [256, 256] });
});

test('classify says what a segmenter is for', async () => {
  expect(await cliError('classify', at('one.png'), '-w', weights)).toMatch(
    /small\.pth has no classifier; it is a segmenter, which the command segment takes, and/,
  );
});

describe('inspect', () => {
  test('tells a segmenter from a classifier', async () => {
    const text = await cliOut('inspect', weights, '--no-tensors');
    expect(text).toMatch(/\nmodel: {4}a RevCol of no published size: 2 columns, channels 2 3 4 5/);
    expect(text).toMatch(
      /\nhead: {5}UPerNet, 4 channels, pooled to 4 grids, 3 classes, auxiliary head\nprefix: {3}backbone\.\n/,
    );
    const json = JSON.parse(await cliOut('inspect', weights, '--json')) as {
      architecture: { segmentation: unknown };
    };
    expect(json.architecture.segmentation).toEqual({
      head: 'upernet',
      numClasses: 3,
      headChannels: 4,
      poolings: 4,
      auxiliaryHead: true,
    });
  });
});
