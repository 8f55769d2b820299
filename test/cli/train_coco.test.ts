/** `train --coco`: a detector from the command line, as detect takes it. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { commandAgain, type TrainOptions } from '../../src/cli/train/options';
import { encodePng } from '../../src/pictures/encode_png';
import { annotations, CLASSES, pixelsOf } from '../finetune/detector_support';
import { folderOf } from '../pictures/folders';
import { cli, cliError, cliOut } from './run';

const NAME = 'cascade_mask_rcnn_revcol_tiny.coco';
/** A network that is trained in moments, and learns little. */
const TINY =
  `--model ${NAME} --random-weights --columns 2 --channels 4,6 --depths 1,1 --head-channels 4 ` +
  '--short-side 32 --long-side 32 --augment none --batch 2 --epochs 1 --backend wasm';

let place: string;
const at = (...names: string[]): string => path.join(place, ...names);

beforeAll(() => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 5; i++) files[`pictures/${i}.png`] = encodePng(pixelsOf(i).image);
  place = folderOf(files);
  const { images, ...others } = annotations(5);
  const named = images.map((image) => ({ ...image, file_name: `${image.file_name}.png` }));
  const write = (file: string, dataset: object) =>
    fs.writeFileSync(at(file), JSON.stringify(dataset));
  write('all.json', { ...others, images: named });
  const [first, ...rest] = named;
  const own = others.annotations.filter(({ image_id: id }) => id === first?.id);
  write('val.json', { ...others, images: [first], annotations: own });
  const left = others.annotations.filter(({ image_id: id }) => id !== first?.id);
  const categories = others.categories.map((one) => ({ ...one, name: `other ${one.name}` }));
  write('other.json', { ...others, images: named, categories });
  const boxes = others.annotations.map((one) => ({ ...one, segmentation: undefined }));
  write('boxes.json', { ...others, images: named, annotations: boxes });
  write('train.json', { ...others, images: rest, annotations: left });
});
afterAll(() => fs.rmSync(place, { recursive: true }));

const words = (...more: string[]): string[] => [
  ...['train', at('pictures'), '--coco', at('train.json')],
  ...TINY.split(' '),
  ...more,
];

test('pictures and annotations become a model that detect takes', async () => {
  const out = at('whole');
  const ran = await cli(...words('--coco-val', at('val.json'), '--out', out));
  expect(ran.error).toMatch(
    /^epoch 1 of 1 \(all\), loss \d+\.\d{4}, accuracy .*, validation AP of boxes \d+\.\d % \*, of masks \d/,
  );
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(
    /^AP of boxes \S+ %, of masks \S+ %, of 1 pictures for validation\nmodel: /,
  );
  expect(fs.readFileSync(path.join(out, 'labels.txt'), 'utf8')).toBe(`${CLASSES.join('\n')}\n`);
  const report = fs.readFileSync(path.join(out, 'report.html'), 'utf8');
  for (const shown of ['Average precision', 'red', at('train.json'), at('val.json')]) {
    expect(report).toContain(shown);
  }
  const saved = JSON.parse(fs.readFileSync(path.join(out, 'history.json'), 'utf8')) as object;
  expect(saved).toMatchObject({
    steps: 2,
    settings: { examples: 4, validation: 1, augment: { shortSides: [32], flip: 0 } },
    evaluation: { pictures: 1, objects: 1 },
  });
  await cliOut(
    ...['detect', at('pictures/1.png'), '--weights', out, '--out', at('found')],
    ...['--score', '0', '--backend', 'wasm'],
  );
  const found = JSON.parse(fs.readFileSync(at('found/detections.json'), 'utf8')) as {
    categories: { name: string }[];
  };
  expect(found.categories.map(({ name }) => name)).toEqual(CLASSES);
  // What came of it can be trained on.
  const [, , , , , ...more] = TINY.split(' ');
  const sizes = more.slice(more.indexOf('--short-side'));
  const again = ['train', at('pictures'), '--coco', at('all.json'), '--model', out, ...sizes];
  const heads = await cli(...again, '--head-only', '--out', at('again'));
  expect([heads.status, heads.out]).toEqual([0, expect.stringMatching(/^AP of boxes/)]);
});

test('what does not fit is told before anything is done', async () => {
  const out = at('never');
  const wrong: [string[], RegExp][] = [
    [words('--maps', at('pictures')), /--maps and --coco are for different models; give one/],
    [words('--memory', '2GB'), /--memory is for classifiers, --coco for detectors; leave one/],
    [words('--reduce-zero-label'), /--reduce-zero-label is for segmenters, --coco for detectors/],
    [words('--input-size', '64'), /--input-size is for models of square images; with --coco give/],
    [words('--augment', 'strong'), /--augment strong is for classifiers; with --coco/],
    [words('--short-side', 'none'), /--short-side none is for segmenters; with --coco give pixels/],
    [
      words('--coco', at('none.json')),
      /none\.json cannot be read: there is no such file or folder/,
    ],
    [words('--model', at('val.json')), /--columns is for detectors by name; .* is a file/],
    [words('--model', 'revcol_tiny'), /revcol_tiny/],
    [
      ['train', at('pictures'), '--coco-val', at('val.json'), '--model', NAME],
      /--coco-val is for detectors; add --coco, or leave it out/,
    ],
    [
      ['train', at('pictures'), '--coco-val', at('val.json'), '--model', NAME, '--short-side', '9'],
      /--coco-val is for detectors; add --coco, or leave it out/,
    ],
    [words('--coco-val', at('other.json')), /^\/.*other\.json: no category is named "/],
    [
      words('--coco', at('boxes.json')),
      /^\/.*boxes\.json: annotation \d+ has no segmentation; give each object polygons or run l/,
    ],
  ];
  for (const [args, message] of wrong)
    expect(await cliError(...args, '--out', out)).toMatch(message);
  expect(fs.existsSync(out)).toBe(false);
});

test('the command to go on has all options', () => {
  const options = {
    model: NAME,
    out: 'o',
    seed: 0,
    coco: 'a b.json',
    cocoVal: 'v.json',
    longSide: 9,
  };
  expect(commandAgain('p', options as TrainOptions)).toBe(
    `npx tfjs-revcol train p --model ${NAME} --out o --coco 'a b.json' --coco-val v.json --long-side 9`,
  );
});
