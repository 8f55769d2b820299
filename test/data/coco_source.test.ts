/** Pictures with objects, by COCO's annotations. */
import {
  type CocoDataset,
  cocoSource,
  type CocoSourceOptions,
  decodeMask,
  maskArea,
  parseCoco,
  type RunLengths,
} from 'tfjs-revcol';
import { cocoFolder } from 'tfjs-revcol/node';
import { folderOf, plainPng } from '../pictures/folders';

const SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]];
const object = (id: number, more: object = {}) => ({
  id,
  image_id: 1,
  category_id: 3,
  bbox: [2, 2, 4, 4],
  segmentation: SQUARE,
  ...more,
});

const JSON_TEXT = JSON.stringify({
  images: [
    { id: 1, width: 8, height: 8, file_name: '1.png' },
    { id: 2, width: 8, height: 8, file_name: 'deep/2.png' },
    { id: 3, width: 8, height: 8, file_name: '3.png' },
  ],
  categories: [
    { id: 7, name: 'dog' },
    { id: 3, name: 'cat' },
  ],
  annotations: [
    object(10),
    object(11, { category_id: 7, bbox: [0, 0, 1, 1], segmentation: [[0, 0, 1, 0, 1, 1, 0, 1]] }),
    object(12, { iscrowd: 1, segmentation: undefined, bbox: [1, 0, 5, 5] }),
    object(13, { bbox: [-9, 0, 9, 5] }),
    object(14, { bbox: [6, 6, 9, 9] }),
    object(15, { bbox: [1, 1, 0.9, 5] }),
    object(16, { area: 0 }),
    // What is set lies elsewhere: the mask is empty.
    object(17, { segmentation: [[50, 50, 60, 50, 60, 60]] }),
    object(20, { image_id: 3, iscrowd: 1 }),
  ],
});
const dataset = parseCoco(JSON_TEXT);

const pixels = { width: 8, height: 8, data: new Uint8Array(4 * 64) };
const source = (options: CocoSourceOptions = {}, of: CocoDataset = dataset) =>
  cocoSource(of, async () => pixels, options);

test('objects by picture: what cannot be learnt is left out, crowds come apart', async () => {
  const made = source();
  expect([made.length, made.classNames, made.categoryIds]).toEqual([3, ['cat', 'dog'], [3, 7]]);
  const { boxes, labels, crowds, masks, ...size } = made.objects(0);
  expect(size).toEqual({ width: 8, height: 8 });
  expect(Array.from(boxes)).toEqual([
    ...[2, 2, 6, 6],
    ...[0, 0, 1, 1],
    ...[6, 6, 15, 15],
    ...[2, 2, 6, 6],
  ]);
  expect(Array.from(labels)).toEqual([0, 1, 0, 0]);
  expect(Array.from(crowds)).toEqual([1, 0, 6, 5]);
  expect(masks?.map(maskArea)).toEqual([16, 1, 16, 0]);
  expect(decodeMask(masks?.[1] as RunLengths).data[0]).toBe(1);
  expect(made.objects(1)).toEqual({
    ...{ width: 8, height: 8, masks: [] },
    boxes: new Float32Array(0),
    labels: new Int32Array(0),
    crowds: new Float32Array(0),
  });
  expect([made.name(1), made.imageId(2)]).toEqual(['deep/2.png', 3]);
  expect((await made.read(0)).data).toHaveLength(3 * 64);
  expect(() => made.objects(3)).toThrow(
    /index is 3; expected the number of an example, from 0 to 2/,
  );
});

test('classes in the order of a model, boxes alone, only pictures with objects', () => {
  const some = source({ classNames: ['dog'], masks: false, empty: 'skip' });
  expect([some.length, some.categoryIds]).toEqual([1, [7]]);
  expect(some.objects(0)).toEqual({
    ...{ width: 8, height: 8 },
    boxes: Float32Array.of(0, 0, 1, 1),
    labels: Int32Array.of(0),
    crowds: new Float32Array(0),
  });
  const turned = source({ classNames: ['dog', 'cat'], empty: 'skip' });
  expect([turned.length, Array.from(turned.objects(0).labels)]).toEqual([2, [1, 0, 1, 1]]);
});

test('what is refused', async () => {
  expect(() => source({ classNames: ['cow'] })).toThrow(
    /no category is named "cow"; there are "cat", "dog"/,
  );
  expect(() => source({ empty: 'drop' as 'skip' })).toThrow(
    /empty is "drop"; expected one of 'keep', 'skip'/,
  );
  expect(() => source({ masks: 1 as never })).toThrow(/masks is 1; expected true or false/);
  const bare = parseCoco({ ...dataset, annotations: [{ ...object(1), segmentation: [] }] });
  expect(() => source({}, bare)).toThrow(/annotation 1 has no segmentation; give masks: false/);
  expect(source({ masks: false }, bare).objects(0).labels).toHaveLength(1);
  expect(() => source({ empty: 'skip' }, { ...dataset, annotations: [] })).toThrow(
    /there is no picture in which an object of these classes is marked/,
  );
  expect(() => source({}, { ...dataset, images: [], annotations: [] })).toThrow(
    /there is no picture$/,
  );
  const nameless = { ...dataset, images: [{ id: 1, width: 8, height: 8 }] };
  expect(() => source({}, nameless)).toThrow(/image 1 has no file_name to read it by/);
  const damaged = object(1, { segmentation: { size: [8, 8], counts: '1' } });
  expect(() => source({}, parseCoco({ ...dataset, annotations: [damaged] })).objects(0)).toThrow(
    /the counts of the segmentation of annotation 1 add up to 1 pixels; expected 64/,
  );
  const turned = { ...dataset, images: [{ id: 1, width: 4, height: 16, file_name: '1.png' }] };
  await expect(source({ masks: false }, { ...turned, annotations: [] }).read(0)).rejects.toThrow(
    /1.png is of 8 x 8 pixels, its annotations say 4 x 16/,
  );
});

describe('cocoFolder', () => {
  const PNG = plainPng([10, 20, 30]);
  const files = { '1.png': PNG, 'deep/2.png': PNG, '3.png': PNG };

  test('a file of annotations and a folder of pictures', async () => {
    const folder = folderOf({ 'annotations.json': JSON_TEXT, pictures: null });
    const pictures = folderOf(files);
    const made = await cocoFolder(`${folder}/annotations.json`, pictures, { threads: 1 });
    try {
      expect(made.dataset).toEqual(dataset);
      const { data, width } = await made.read(1);
      expect([width, ...data.subarray(0, 3)]).toEqual([8, 10, 20, 30]);
      expect(made.objects(0).labels).toHaveLength(4);
    } finally {
      await made.close();
    }
  });

  test('what is not there, or elsewhere', async () => {
    const folder = folderOf({ 'a.json': JSON_TEXT, 'b.json': '{', '1.png': PNG });
    const at = (name: string) => `${folder}/${name}`;
    await expect(cocoFolder(at('c.json'), folder)).rejects.toThrow(
      /c.json cannot be read: .*ENOENT/,
    );
    await expect(cocoFolder(at('b.json'), folder)).rejects.toThrow(
      /parseCoco: .*b.json are no JSON/,
    );
    await expect(cocoFolder(at('a.json'), folder)).rejects.toThrow(
      /has no picture deep\/2.png and 1 more of 3; give the folder/,
    );
    await expect(cocoFolder(at('a.json'), at('none'))).rejects.toThrow(
      /no picture 1.png and 2 more/,
    );
    await expect(cocoFolder('', folder)).rejects.toThrow(
      /annotations is ""; expected the path of a file/,
    );
    await expect(cocoFolder(at('a.json'), folder, { threads: 0 })).rejects.toThrow(/threads is 0/);
    for (const name of [
      '../1.png',
      '/etc/passwd',
      'C:\\\\x.png',
      'a/../../x.png',
      'a\\\\..\\\\x.png',
    ]) {
      const outside = folderOf({ 'a.json': JSON_TEXT.replace('deep/2.png', name) });
      await expect(cocoFolder(`${outside}/a.json`, folder)).rejects.toThrow(
        /leads out of the folder of pictures/,
      );
    }
  });
});
