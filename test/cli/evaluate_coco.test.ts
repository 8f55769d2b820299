/** `evaluate` on COCO's files of annotations and results. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { type AveragePrecisionResult, encodeMask } from 'tfjs-revcol';
import { folderOf } from '../pictures/folders';
import { cli, cliError, cliOut } from './run';

const size = [20, 20] as const;
const square = (x: number, y: number, side: number) => {
  const corners = [x, y, x + side, y, x + side, y + side, x, y + side];
  return { bbox: [x, y, side, side], segmentation: [corners] };
};
const image = { width: size[1], height: size[0] };
const ANNOTATIONS = {
  images: [
    { id: 1, ...image },
    { id: 2, ...image },
  ],
  categories: [
    { id: 2, name: 'dog' },
    { id: 1, name: 'cat' },
    { id: 3, name: 'cow' },
  ],
  annotations: [
    { id: 1, image_id: 1, category_id: 1, ...square(2, 2, 10) },
    { id: 2, image_id: 2, category_id: 1, ...square(4, 4, 8) },
    { id: 3, image_id: 2, category_id: 2, ...square(0, 0, 5) },
  ],
};
const empty = encodeMask({ ...image, data: new Uint8Array(400) });
const RESULTS = [
  { image_id: 1, category_id: 1, score: 0.9, ...square(2, 2, 10) },
  { image_id: 2, category_id: 2, score: 0.8, ...square(0, 0, 5), segmentation: empty },
];
const without = (key: 'bbox' | 'segmentation') =>
  JSON.stringify(RESULTS.map((one) => ({ ...one, [key]: undefined })));

let place: string;
const at = (name: string): string => path.join(place, name);
beforeAll(() => {
  place = folderOf({
    'annotations.json': JSON.stringify(ANNOTATIONS),
    'both.json': JSON.stringify(RESULTS),
    'boxes.json': without('segmentation'),
    'masks.json': without('bbox'),
    'none.json': '[]',
    'whole.json': JSON.stringify({ ...ANNOTATIONS, annotations: [] }),
    'broken.json': '[{',
    'unknown.json': JSON.stringify([{ ...RESULTS[0], image_id: 5 }]),
  });
});
afterAll(() => fs.rmSync(place, { recursive: true }));

const given = (results: string) => [
  'evaluate',
  '--coco',
  at('annotations.json'),
  '--results',
  at(results),
];

test('as JSON: what the results have', async () => {
  const of = async (...args: string[]) =>
    JSON.parse(await cliOut(...args, '--json')) as Record<string, AveragePrecisionResult>;
  const both = await of(...given('both.json'));
  expect(Object.keys(both)).toEqual(['box', 'mask']);
  // Half of the cats are found, at recalls up to .5: 51 of 101.
  expect(both.box?.AP).toBeCloseTo((51 / 101 + 1) / 2, 12);
  expect(both.box?.categories).toMatchObject([
    { id: 1, name: 'cat', objects: 2 },
    { id: 2, name: 'dog', objects: 1 },
    { id: 3, name: 'cow', objects: 0, AP: -1 },
  ]);
  expect(both.mask?.AP).toBeCloseTo(51 / 101 / 2, 12);
  expect(await of(...given('boxes.json'))).toEqual({ box: both.box });
  expect(await of(...given('masks.json'))).toEqual({ mask: both.mask });
  expect(await of(...given('both.json'), '--kind', 'mask')).toEqual({ mask: both.mask });
  const { box } = await of(...given('none.json'), '--limits', '2,3,4');
  expect(box).toMatchObject({ AP: 0, maxDetections: [2, 3, 4] });
});

test('as text', async () => {
  const out = await cliOut(...given('both.json'));
  expect(out).toBe(`2 pictures; AP and AR in per cent

      AP    AP50  AP75  small  medium  large
box   75.2  75.2  75.2  75.2   -       -
mask  25.2  25.2  25.2  25.2   -       -

      AR 1  AR 10  AR 100  small  medium  large
box   75.0  75.0   75.0    75.0   -       -
mask  25.0  25.0   25.0    25.0   -       -

class  objects  box AP  AP50   AR     mask AP  AP50  AR
cat          2  50.5    50.5   50.0   50.5     50.5  50.0
dog          1  100.0   100.0  100.0  0.0      0.0   0.0
cow          0  -       -      -      -        -     -
`);
});

test('what is wrong is said in one line', async () => {
  expect(await cliError(...given('broken.json'))).toMatch(/broken.json are no JSON/);
  expect(await cliError(...given('whole.json'))).toMatch(/whole.json is no list.*detect --coco/);
  expect(await cliError(...given('unknown.json'))).toMatch(/unknown.json: entry 0 is of image 5/);
  expect(await cliError(...given('no.json'))).toMatch(
    /no.json cannot be read: there is no such file or folder/,
  );
  expect(await cliError('evaluate', '--coco', at('annotations.json'))).toMatch(
    /go together; give both/,
  );
  expect(await cliError('evaluate', '--results', at('none.json'))).toMatch(
    /go together; give both/,
  );
  expect(await cliError(...given('both.json'), '-w', 'x')).toMatch(/^--weights is for classifiers/);
  expect(await cliError(...given('both.json'), '--worst', '3')).toMatch(
    /^--worst is for classifiers/,
  );
  expect(await cliError(...given('both.json'), '--split', 'val')).toMatch(
    /^--split is for folders of pictures; .*: give the annotations and results of the part/,
  );
  expect(await cliError(...given('both.json'), 'pets')).toMatch(
    /^the folder pets is for classifiers/,
  );
  expect(await cliError(...given('boxes.json'), '--kind', 'mask')).toMatch(
    /the segmentation of result 0 is undefined; expected run lengths/,
  );
  expect(await cliError('evaluate', 'pets', '-w', 'x', '--kind', 'box')).toMatch(/go with --coco/);
  for (const [args, message] of [
    [['evaluate'], /missing required argument 'folder'/],
    [['evaluate', 'pets'], /required option '-w, --weights <file\|folder\|name>' not specified/],
    [[...given('both.json'), '--limits', '3,2,1'], /expected three ascending counts/],
    [[...given('both.json'), '--kind', 'bbox'], /Allowed choices are box, mask/],
  ] as const) {
    const { status, error } = await cli(...args);
    expect(status).toBe(1);
    expect(error).toMatch(message);
  }
});
