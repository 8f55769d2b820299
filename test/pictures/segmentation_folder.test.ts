/** Folders of pictures with label maps: numbers as they are stored, and what is said of maps that are not in order. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';

import { type SegmentationSource, segmentationSource } from 'tfjs-revcol';
import { segmentationFolder } from 'tfjs-revcol/node';
import { labelledTransform } from '../../src/data/labelled_transform';
import { decodeLabelMap } from '../../src/pictures/decode_label_map';
import { folderOf, plainPng, shownFile } from './folders';
import { png, pngChunk, pngHeader } from './image_files';

const made: string[] = [];
const open: SegmentationSource[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true });
});

/** A PNG of rows of bytes as they are stored. */
function storedPng(
  width: number,
  depth: number,
  colour: number,
  rows: readonly (readonly number[])[],
  palette?: readonly number[],
): Buffer {
  const header = pngHeader(width, rows.length, { depth, colour });
  const before = palette ? [header, pngChunk('PLTE', Uint8Array.from(palette))] : [header];
  return png(before, deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row]))));
}

/** A grey map of 8 bits. */
const grey = (rows: readonly (readonly number[])[]) =>
  storedPng((rows[0] as number[]).length, 8, 0, rows);

const SQUARE = [
  [0, 1],
  [2, 255],
];

const OPTIONS = { classNames: ['ground', 'bird', 'tree'] };

/** Opens a folder with the pictures and maps that are given. */
async function opened(
  files: Parameters<typeof folderOf>[0],
  options: Partial<Parameters<typeof segmentationFolder>[2]> = {},
): Promise<SegmentationSource> {
  const folder = folderOf({ 'images/none.txt': '', 'maps/none.txt': '', ...files });
  made.push(folder);
  const source = await segmentationFolder(path.join(folder, 'images'), path.join(folder, 'maps'), {
    ...OPTIONS,
    threads: 1,
    ...options,
  });
  open.push(source);
  return source;
}

describe('label maps are read as they are stored', () => {
  const palette = [10, 200, 30, 0, 0, 0, 255, 255, 255, 7, 7, 7];
  test.each([
    ['grey of 8 bits', grey(SQUARE), [0, 1, 2, 255]],
    ['grey of 1 bit', storedPng(2, 1, 0, [[0b01000000], [0b11000000]]), [0, 1, 1, 1]],
    ['grey of 2 bits', storedPng(2, 2, 0, [[0b00010000], [0b10110000]]), [0, 1, 2, 3]],
    ['grey of 4 bits', storedPng(2, 4, 0, [[0x01], [0x2f]]), [0, 1, 2, 15]],
    [
      'grey of 16 bits',
      storedPng(2, 16, 0, [
        [0, 0, 0, 1],
        [1, 2, 255, 255],
      ]),
      [0, 1, 258, 65535],
    ],
    ['a palette of 8 bits', storedPng(2, 8, 3, SQUARE, palette), [0, 1, 2, 255]],
    [
      'a palette of 2 bits',
      storedPng(2, 2, 3, [[0b00010000], [0b10110000]], palette),
      [0, 1, 2, 3],
    ],
  ])('%s', async (_, bytes, expected) => {
    const { width, height, data } = await decodeLabelMap(bytes, 'map.png');
    expect([width, height, ...data]).toEqual([2, 2, ...expected]);
  });

  test.each([
    [
      'of colours',
      plainPng([1, 1, 1]),
      /map\.png: cannot be read as a label map: it is of colours, 8/,
    ],
    ['with transparency', storedPng(1, 8, 4, [[1, 255]]), /it is grey with transparency/],
    ['a JPEG', shownFile('jpeg turned 6'), /map\.png: is no PNG file, which label maps must be/],
    [
      'cut short',
      grey(SQUARE).subarray(0, 50),
      /map\.png: cannot be read as a label map: the file is cut/,
    ],
  ])('but none that is %s', async (_, bytes, message) => {
    await expect(decodeLabelMap(bytes, 'map.png')).rejects.toThrow(message);
  });
});

test('pictures and maps go together by name, also in folders', async () => {
  const source = await opened({
    'images/b/2.png': plainPng([9, 9, 9], 2, 2),
    'images/1.webp': plainPng([5, 5, 5], 2, 2),
    'maps/1.png': grey(SQUARE),
    'maps/b/2.png': grey(SQUARE),
    'maps/more.png': grey(SQUARE),
  });
  expect([source.length, source.name(0), source.name(1)]).toEqual([2, '1.webp', 'b/2.png']);
  const { image, labels } = await source.read(1);
  expect([...image.data.subarray(0, 3), ...labels.data]).toEqual([9, 9, 9, 0, 1, 2, 255]);
  // The thread changes them as this thread does.
  const recipe = { options: { cropSize: [3, 2] as const, scale: [1, 2] as const }, seed: [3, 1] };
  expect(await source.readTransformed?.(1, recipe)).toEqual(
    labelledTransform(recipe)(image, labels, 1),
  );
});

test('suffixes of names, and classes that are counted from 1', async () => {
  const source = await opened(
    {
      'images/1.png': plainPng([9, 9, 9], 2, 2),
      'maps/1_ids.png': grey([
        [0, 1],
        [3, 255],
      ]),
    },
    { mapSuffix: '_ids.png', reduceZeroLabel: true, ignoreLabel: 255 },
  );
  expect([...(await source.read(0)).labels.data]).toEqual([255, 0, 2, 255]);
});

test('a label that counts as no class may be one that bytes do not hold', async () => {
  for (const ignoreLabel of [256, 65535]) {
    const source = await opened(
      { 'images/1.png': plainPng([9, 9, 9], 2, 2), 'maps/1.png': grey([[0, 1], [3, 0]]) }, // prettier-ignore
      { reduceZeroLabel: true, ignoreLabel },
    );
    const { image, labels } = await source.read(0);
    expect([...labels.data]).toEqual([ignoreLabel, 0, 2, ignoreLabel]);
    const recipe = { options: { cropSize: [2, 2], scale: [1, 1], flip: 0, ignoreLabel }, seed: [1] } as const; // prettier-ignore
    expect(labelledTransform(recipe)(image, labels, 0).labels).toEqual(labels);
  }
  const map = { width: 1, height: 1, data: Uint8ClampedArray.of(0) };
  const image = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
  const known = { classNames: ['a', 'b'], reduceZeroLabel: true, ignoreLabel: 300 };
  const { labels } = await segmentationSource([{ image, labels: map }], known).read(0);
  expect([...labels.data]).toEqual([300]);
  await expect(opened({}, { ignoreLabel: 65536 })).rejects.toThrow(
    /ignoreLabel is 65536; expected .*65535/,
  );
});

test('what is not in order is told', async () => {
  const picture = plainPng([9, 9, 9], 2, 2);
  await expect(opened({ 'maps/1.png': grey(SQUARE) })).rejects.toThrow(/images holds no picture/);
  await expect(
    opened({ 'images/1.png': picture, 'images/2.jpg': picture, 'maps/x.png': grey(SQUARE) }),
  ).rejects.toThrow(
    /1\.png of \S+images has no label map 1\.png in \S+maps, and so 1 more; add it/,
  );
  await expect(
    opened({ 'images/1.png': picture, 'images/1.jpg': picture, 'maps/1.png': grey(SQUARE) }),
  ).rejects.toThrow(/1\.jpg and 1\.png of \S+ have one label map, 1\.png/);
  await expect(opened({}, { ignoreLabel: 2 })).rejects.toThrow(
    /ignoreLabel is 2, which is a class/,
  );
  await expect(opened({}, { classNames: [] })).rejects.toThrow(/classNames is empty/);
});

test('a map that does not fit is told when it is read', async () => {
  const source = await opened({
    'images/1.png': plainPng([9, 9, 9], 3, 2),
    'images/2.png': plainPng([9, 9, 9], 2, 2),
    'images/3.png': plainPng([9, 9, 9], 2, 2),
    'images/4.png': plainPng([9, 9, 9], 2, 2),
    'maps/1.png': grey(SQUARE),
    'maps/2.png': grey([
      [0, 1],
      [3, 7],
    ]),
    'maps/3.png': storedPng(2, 16, 0, [
      [0, 0, 0, 1],
      [1, 2, 255, 255],
    ]),
    'maps/4.png': 'no picture',
  });
  await expect(source.read(0)).rejects.toThrow(
    /maps.1\.png: a picture of 3 x 2 pixels has labels of 2 x 2; expected one for each/,
  );
  await expect(source.read(1)).rejects.toThrow(
    /maps.2\.png: label 3 at column 0, row 1 \(and 1 more\); expected classes from 0 to 2, or 255 .*reduceZeroLabel/,
  );
  await expect(source.read(2)).rejects.toThrow(/maps.3\.png: label 258 at column 0, row 1/);
  await expect(source.read(3)).rejects.toThrow(/maps.4\.png: is no PNG file/);
});
