/** `detect` on pictures and folders, with checkpoints and saved models; `inspect` and `models` of detectors. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { PNG } from 'pngjs';

import {
  type CreateDetectorOptions,
  createModel,
  decodeMask,
  detect,
  paintDetections,
  type RunLengths,
  saveCheckpoint,
} from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { folderOf, plainPng } from '../pictures/folders';
import { rgbPng } from '../pictures/image_files';
import { randomizeWeights } from '../support/training_step';
import { cli, cliError, cliOut } from './run';

const CLASSES = ['cat', 'dog', 'cow'];
const [WIDTH, HEIGHT] = [52, 40];
const colourAt = (x: number, y: number) => [
  (5 * x + 3 * y) % 256,
  (90 + 7 * y) % 256,
  (x * y) % 256,
];
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

const small = (options: CreateDetectorOptions = {}) => {
  const made = createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    columns: 2,
    channels: [2, 3, 4, 5],
    depths: [1, 0, 1, 1],
    pyramidChannels: 4,
    hiddenChannels: 5,
    numClasses: 3,
    ...options,
  });
  randomizeWeights(made.weights, 5);
  return made;
};

beforeAll(async () => {
  await tf.setBackend('wasm');
  const picture = rgbPng(WIDTH, HEIGHT, colourAt);
  place = folderOf({
    'one.png': picture,
    'pics/b.png': picture,
    'pics/deep/a.png': plainPng([20, 10, 210], 33, 33),
    'broken.png': picture.subarray(0, 60),
    'twice/b.png': picture,
    'twice/again/b.png': picture,
    'names.txt': 'pig\ndog\ncow',
    'others.json': JSON.stringify({
      images: [
        { id: 70, width: WIDTH, height: HEIGHT, file_name: 'b.png' },
        { id: 9, width: 33, height: 33, file_name: 'deep/a.png' },
      ],
      categories: [{ id: 1, name: 'dog' }],
      annotations: [],
    }),
    'coco.json': JSON.stringify({
      images: [
        { id: 70, width: WIDTH, height: HEIGHT, file_name: 'b.png' },
        { id: 9, width: 33, height: 33, file_name: 'deep/a.png' },
      ],
      categories: ['cow', 'cat', 'dog'].map((name, i) => ({ id: 10 * (i + 1), name })),
      annotations: [],
    }),
  });
  weights = at('small.pth');
  model = small();
  await saveCheckpoint(model, weights, { format: 'openmmlab', classes: CLASSES });
});
afterAll(() => {
  model.dispose();
  fs.rmSync(place, { recursive: true });
});

const SIZES = ['--short-side', '64', '--long-side', '90', '--proposals', '20', '--top', '4'];
const OPTIONS = { shortSide: 64, longSide: 90, proposals: 20, maxDetections: 4, classes: CLASSES };
const run = (...args: string[]) => [
  'detect',
  ...args,
  '--backend',
  'wasm',
  '--weights',
  weights,
  ...SIZES,
];

interface Annotation {
  image_id: number;
  category_id: number;
  bbox: number[];
  score: number;
  segmentation: RunLengths;
}

test('a picture: what detect finds, drawn, and as JSON', async () => {
  const out = newOut();
  const text = await cliOut(...run(at('one.png'), '--out', out, '--score', '0.05'));
  expect(text).toMatch(/^one\.png: \d .*\nwritten to .*detections\.json\n$/);
  expect(fs.readdirSync(out).sort()).toEqual(['detections.json', 'one.detections.png']);
  const json = JSON.parse(fs.readFileSync(path.join(out, 'detections.json'), 'utf8')) as {
    images: { id: number; file_name: string }[];
    categories: unknown;
    annotations: Annotation[];
  };
  expect(json.images).toMatchObject([{ id: 1, width: WIDTH, height: HEIGHT }]);
  expect(json.categories).toEqual(CLASSES.map((name, i) => ({ id: i + 1, name })));
  const expected = await detect(model, PIXELS, OPTIONS);
  expect(expected.objects).toHaveLength(4);
  expect(json.annotations).toHaveLength(4);
  json.annotations.forEach(({ image_id, category_id, bbox, score, segmentation }, i) => {
    const object = expected.objects[i];
    const [x1, y1, x2, y2] = object?.box ?? [0, 0, 0, 0];
    expect([image_id, category_id, bbox, score]).toEqual([
      1,
      1 + (object?.label ?? NaN),
      [x1, y1, x2 - x1, y2 - y1],
      object?.score,
    ]);
    expect(decodeMask(segmentation).data).toEqual(object?.mask);
  });
  const { data } = PNG.sync.read(fs.readFileSync(path.join(out, 'one.detections.png')));
  const painted = paintDetections(expected, PIXELS, 0.5).data;
  expect(
    Uint8Array.from(
      { length: painted.length },
      (_, i) => data[4 * Math.floor(i / 3) + (i % 3)] as number,
    ),
  ).toEqual(painted);
  expect(painted).not.toEqual(PIXELS.data);
  expect(await cliError(...run(at('one.png'), '--out', out))).toContain('exists; --force');
  await cliOut(...run(at('one.png'), '--out', out, '--force', '--no-masks', '--score', '1'));
});

test("folders, with the numbers of COCO's annotations, for evaluate", async () => {
  const out = newOut();
  const found = await cliOut(
    ...run(at('pics'), '--out', out, '--coco', at('coco.json'), '--score', '0.05', '--json'),
  );
  const results = JSON.parse(found) as Annotation[];
  expect(new Set(results.map(({ image_id }) => image_id))).toEqual(new Set([70, 9]));
  expect(results.every(({ category_id }) => [10, 20, 30].includes(category_id))).toBe(true);
  expect(fs.existsSync(path.join(out, 'deep/a.detections.png'))).toBe(true);
  const file = path.join(out, 'detections.json');
  const told = await cli('evaluate', '--coco', at('coco.json'), '--results', file);
  expect([told.status, told.error]).toEqual([0, '']);
  const unknown = await cliError(
    ...run(at('one.png'), '--out', newOut(), '--coco', at('coco.json')),
  );
  expect(unknown).toContain('--coco has 0 images with the name of');
  const twice = await cliError(...run(at('twice'), '--out', newOut(), '--coco', at('coco.json')));
  expect(twice).toContain('--coco has one image, b.png, with the names of both');
  // Said before a picture is searched.
  for (const [names, there] of [[], ['--classes', at('names.txt')]].entries()) {
    const none = newOut();
    const text = await cliError(
      ...run(at('pics'), '--out', none, '--coco', at('others.json'), ...there),
    );
    expect(text).toContain(`--coco has no category '${names === 0 ? 'cat' : 'pig'}'`);
    expect(fs.existsSync(none)).toBe(false);
  }
});

test('a saved model, and what cannot be used', async () => {
  const folder = at('saved');
  const other = small({ deltaScales: [[0.1, 0.1, 0.2, 0.2]], anchorRatios: [1] });
  other.setUserDefinedMetadata({ shortSide: 20, longSide: 26 });
  await other.save(fileSystem(folder));
  other.dispose();
  const own = ['detect', at('one.png'), '--backend', 'wasm', '--weights', folder];
  await cliOut(...own, ...SIZES, '--out', newOut());
  // What is saved does not hold back what is given.
  const few = ['--proposals', '20', '--json', '--no-masks', '--score', '0'];
  const sized = (...sizes: string[]) => cliOut(...own, ...few, ...sizes, '--out', newOut());
  const given = await sized('--short-side', '48');
  expect(given).toBe(await sized('--short-side', '48', '--long-side', '80'));
  expect(given).not.toBe(await sized());
  const refused = async (...args: string[]) =>
    cliError('detect', at('one.png'), '--backend', 'wasm', '--out', newOut(), ...args);
  const segmenter = createModel('upernet_revcol_tiny.ade20k_512', {
    columns: 1,
    channels: [2, 2, 2],
    depths: [0, 0, 0],
    headChannels: 2,
    numClasses: 2,
  });
  await saveCheckpoint(segmenter, at('segmenter.pth'), { format: 'openmmlab' });
  await segmenter.save(fileSystem(at('segmenter')));
  segmenter.dispose();
  expect(await refused('--weights', at('segmenter.pth'))).toContain('is a segmenter');
  // Models of other kinds are told which commands take them.
  const isDetector =
    /saved.model\.json is a detector, which the command detect takes, and train with --coco; .*\. Here a/;
  const isSegmenter =
    /segmenter.model\.json is a segmenter, which the command segment takes, .* --maps\. Here a/;
  expect(await refused('--weights', at('segmenter'))).toMatch(isSegmenter);
  const picture = ['--backend', 'wasm', '-w'];
  expect(await cliError('classify', at('one.png'), ...picture, folder)).toMatch(isDetector);
  expect(await cliError('classify', at('one.png'), ...picture, at('segmenter'))).toMatch(
    isSegmenter,
  );
  const out = ['--out', newOut()];
  expect(await cliError('segment', at('one.png'), ...picture, folder, ...out)).toMatch(isDetector);
  expect(await cliError('segment', at('one.png'), ...picture, weights, ...out)).toContain(
    'is a detector, which the command detect takes; expected a segmenter',
  );
  const two = small({ deltaScales: [[1, 1, 1, 1]] });
  await saveCheckpoint(two, at('one_head.pth'), { format: 'openmmlab' });
  two.dispose();
  expect(await refused('--weights', at('one_head.pth'))).toContain('has 1 heads and 3 anchors');
  expect(
    await refused('--weights', weights, '--score', '0.5', '--classes', at('coco.json')),
  ).toMatch(/./);
  expect(
    await cliError('detect', at('broken.png'), '--out', newOut(), '--weights', weights),
  ).toMatch(/broken/);
  expect(await cliError('classify', at('one.png'), '--weights', weights)).toContain(
    'it is a detector, which the command detect takes',
  );
});

test('inspect and models tell of detectors', async () => {
  expect(await cliOut('inspect', weights)).toContain(
    'head:     3 box heads and mask heads, 3 classes, 4 channels, 5 hidden, 3 anchors',
  );
  const listed = await cliOut('models', 'cascade*');
  expect(listed).toMatch(
    /cascade_mask_rcnn_revcol_tiny\.coco +87\.9 M +4 +1333x800 +80 +50\.8 +44\.0/,
  );
});
