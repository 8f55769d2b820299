/** Folders of labelled pictures: what is read of them, and what is said of those that are not in order. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { imageFolder } from 'tfjs-revcol/node';
import type { ExampleSource } from '../../src/data/example_source';
import { pixelTransform, type TransformRecipe } from '../../src/data/pixel_transform';
import { fitImage } from '../../src/preprocessing/fit_image';
import { folderOf, plainPng, shownFile } from './folders';
import shown from './shown.json';

const made: string[] = [];
const open: ExampleSource[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true });
});

function folder(files: Parameters<typeof folderOf>[0]): string {
  const place = folderOf(files);
  made.push(place);
  return place;
}

async function opened(...args: Parameters<typeof imageFolder>): Promise<ExampleSource> {
  const source = await imageFolder(...args);
  open.push(source);
  return source;
}

const RED = plainPng([255, 0, 0]);
const BLUE = plainPng([0, 0, 255]);

function examples(source: ExampleSource): string[] {
  return Array.from(
    { length: source.length },
    (_, i) => `${source.name(i)}: ${source.classNames[source.label(i)]}`,
  );
}

test('classes are the folders in sorted order, pictures are sorted in them', async () => {
  const place = folder({
    'dog/b.png': BLUE,
    'dog/a.webp': shownFile('webp'),
    'cat/deeper/1.PNG': RED,
    'cat/2.JPeG': shownFile('jpeg turned 6'),
    'cat/notes.txt': 'no picture',
    'cat/.hidden.png': RED,
    '.git/x.png': RED,
    '__MACOSX/cat/1.png': RED,
    'readme.md': 'beside',
  });
  const source = await opened(place);
  expect(source.classNames).toEqual(['cat', 'dog']);
  expect(examples(source)).toEqual([
    'cat/2.JPeG: cat',
    'cat/deeper/1.PNG: cat',
    'dog/a.webp: dog',
    'dog/b.png: dog',
  ]);
  const { width, height, rgb } = shown.files['jpeg turned 6'];
  const read = await Promise.all([0, 1, 2, 3].map((i) => source.read(i)));
  expect(read[0]).toMatchObject({ width, height });
  expect([...(read[0]?.data ?? [])]).toEqual([...Buffer.from(rgb, 'base64')]);
  expect([...(read[1]?.data.subarray(0, 3) ?? [])]).toEqual([255, 0, 0]);
  expect(read[2]).toMatchObject({ width: 23, height: 14 });
  expect([...(read[3]?.data.subarray(0, 3) ?? [])]).toEqual([0, 0, 255]);
  // Again, after what was read was used.
  expect((await source.read(0)).data).toEqual(read[0]?.data);
});

test('what is fitted in a thread is what fitImage makes of what is read', async () => {
  const place = folder({ 'a/1.jpg': shownFile('jpeg turned 5'), 'b/1.png': RED });
  const source = await opened(place);
  for (const options of [
    { inputSize: [16, 16] as const },
    { inputSize: [7, 31] as const, crop: 'squash' as const },
  ]) {
    const fitted = await source.readFitted?.(0, options);
    const expected = fitImage(await source.read(0), options);
    expect(fitted).toMatchObject({ width: expected.width, height: expected.height });
    expect([...(fitted?.data ?? [])]).toEqual([...expected.data]);
  }
  await expect(source.readFitted?.(0, { inputSize: [8, 16], crop: 'center' })).rejects.toThrow(
    /a\/1\.jpg: fitImage: crop 'center' makes square inputs/,
  );
});

test('what is augmented in a thread is what the transform makes of what is read', async () => {
  const place = folder({ 'a/1.jpg': shownFile('jpeg turned 5'), 'b/1.webp': shownFile('webp') });
  const source = await opened(place);
  const transform = pixelTransform({
    options: { inputSize: [16, 12], erasing: { probability: 1 } },
    seed: [7, 3],
  });
  for (const index of [0, 1]) {
    const expected = await transform(await source.read(index), index);
    const got = await source.readTransformed?.(index, transform.recipe as TransformRecipe);
    expect(got).toMatchObject({ width: 12, height: 16 });
    expect([...(got?.data ?? [])]).toEqual([...expected.data]);
  }
  const bad = { options: { inputSize: [16, 12], flop: 1 } as never, seed: [1] };
  await expect(source.readTransformed?.(0, bad)).rejects.toThrow(/a\/1\.jpg: .*no option 'flop'/);
});

test('parts by name, with the classes of another', async () => {
  const place = folder({
    'train/cat/1.png': RED,
    'train/dog/1.png': RED,
    'val/dog/9.png': BLUE,
    'val/cat': null,
  });
  const train = await opened(place, { split: 'train' });
  expect(examples(train)).toEqual(['train/cat/1.png: cat', 'train/dog/1.png: dog']);
  const val = await opened(place, { split: 'val', classNames: train.classNames });
  expect(val.classNames).toEqual(['cat', 'dog']);
  expect(examples(val)).toEqual(['val/dog/9.png: dog']);
  const other = await opened(place, { split: 'val', classNames: ['dog', 'cat', 'cow'] });
  expect(other.label(0)).toBe(0);
  await expect(imageFolder(place)).rejects.toThrow(
    /holds the parts train, val, each with folders of classes; say which by split: "train"/,
  );
  await expect(imageFolder(place, { split: 'test' })).rejects.toThrow(
    /test cannot be listed: ENOENT.*; .* has train, val/,
  );
});

describe('what is not in order', () => {
  test.each<[string, Parameters<typeof folderOf>[0], RegExp]>([
    [
      'no folder',
      { '1.png': RED },
      /has no folders; expected one for each class.* not 1\.png beside/,
    ],
    ['nothing', {}, /has no folders; expected one for each class, with its pictures$/],
    [
      'one class',
      { 'cat/1.png': RED },
      /has one class only, "cat"; expected a folder for each of two/,
    ],
    ['an empty class', { 'cat/1.png': RED, dog: null }, /class "dog" of .* has no picture/],
    [
      'only other files',
      { 'cat/1.png': RED, 'dog/a.txt': 'a' },
      /class "dog" of .* has no picture/,
    ],
    [
      'a picture beside the classes',
      { 'cat/1.png': RED, 'dog/1.png': RED, 'x.jpg': RED },
      /x\.jpg lies beside the folders/,
    ],
    [
      'two classes of one name',
      { 'caf\u00e9/1.png': RED, 'cafe\u0301/1.png': RED },
      /has two folders named "caf\u00e9", written with different Unicode/,
    ],
  ])('%s', async (_, files, message) => {
    await expect(imageFolder(folder(files))).rejects.toThrow(message);
  });

  test('a folder of another class, and classes without a picture at all', async () => {
    const place = folder({ 'cat/1.png': RED, 'cow/1.png': RED });
    await expect(imageFolder(place, { classNames: ['cat', 'dog'] })).rejects.toThrow(
      /has a folder "cow", which is none of the classes "cat", "dog"/,
    );
    await expect(
      imageFolder(folder({ cat: null, dog: null }), { classNames: ['cat', 'dog'] }),
    ).rejects.toThrow(/holds no picture/);
  });

  test('arguments', async () => {
    await expect(imageFolder('')).rejects.toThrow(/folder is ""; expected the path of a folder/);
    await expect(imageFolder('a', { spilt: 'b' } as never)).rejects.toThrow(/did you mean 'split'/);
    await expect(imageFolder('a', { threads: 0 })).rejects.toThrow(/threads is 0/);
    await expect(imageFolder('/no/such/folder')).rejects.toThrow(/cannot be listed: ENOENT/);
    const place = folder({ 'a/1.png': RED, 'b/1.png': RED });
    await expect(imageFolder(path.join(place, 'a/1.png'))).rejects.toThrow(
      /cannot be listed: ENOTDIR/,
    );
    const source = await opened(place);
    await expect(source.read(2)).rejects.toThrow(/index is 2; expected .* from 0 to 1/);
    expect(() => source.label(-1)).toThrow(/index is -1/);
    const names = ['x', 'x'];
    await expect(imageFolder(place, { classNames: names })).rejects.toThrow(
      /two classes are named "x"/,
    );
  });
});

describe('links', () => {
  test('are followed, but not in circles', async () => {
    const elsewhere = folder({ 'dogs/1.png': BLUE, '2.png': BLUE });
    const place = folder({ 'cat/1.png': RED });
    fs.symlinkSync(path.join(elsewhere, 'dogs'), path.join(place, 'dog'));
    fs.symlinkSync(path.join(elsewhere, '2.png'), path.join(place, 'cat/2.png'));
    fs.symlinkSync(place, path.join(place, 'cat/again'));
    fs.symlinkSync('.', path.join(place, 'cat/self'));
    const source = await opened(place);
    const found = examples(source);
    expect(found.filter((line) => !line.includes('again'))).toEqual([
      'cat/1.png: cat',
      'cat/2.png: cat',
      'dog/1.png: dog',
    ]);
    expect([...(await source.read(found.indexOf('cat/2.png: cat'))).data.subarray(0, 3)]).toEqual([
      0, 0, 255,
    ]);
  });

  test('one that leads nowhere is told by name when it is read', async () => {
    const place = folder({ 'cat/1.png': RED, 'dog/1.png': RED });
    fs.symlinkSync('gone.png', path.join(place, 'dog/2.png'));
    const source = await opened(place);
    await expect(source.read(2)).rejects.toThrow(/dog\/2\.png.*ENOENT|ENOENT.*dog\/2\.png/);
  });
});

test('broken and foreign files are named, and the others read all the same', async () => {
  const cut = shownFile('jpeg turned 1');
  const place = folder({
    'cat/1.jpg': cut.subarray(0, cut.length - 200),
    'cat/2.gif': 'GIF89a',
    'cat/3.png': '',
    'cat/4.png': RED,
    'dog/1.jpg': 'not a picture',
    'dog/2.png': BLUE,
  });
  const source = await opened(place, { threads: 2 });
  const said = await Promise.all(
    Array.from({ length: source.length }, (_, i) =>
      source.read(i).then(
        ({ width }) => String(width),
        (error: unknown) => (error as Error).message,
      ),
    ),
  );
  const at = (name: string) => path.join(place, name);
  expect(said).toEqual([
    expect.stringMatching(/1\.jpg: cannot be decoded: the file is cut short$/),
    `${at('cat/2.gif')}: neither JPEG, PNG nor WebP; convert it to one of them`,
    `${at('cat/3.png')}: neither JPEG, PNG nor WebP: the file is empty`,
    '8',
    `${at('dog/1.jpg')}: neither JPEG, PNG nor WebP; convert it to one of them`,
    '8',
  ]);
});

test('closing rejects what is being read; reading opens again', async () => {
  const place = folder({ 'a/1.png': RED, 'b/1.png': BLUE });
  const source = await opened(place, { threads: 1 });
  const waiting = [0, 1].map((i) => source.read(i));
  const outcome = Promise.allSettled(waiting);
  await source.close();
  for (const { status, ...rest } of await outcome) {
    expect({ status, ...rest }).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching(/1\.png: the source was closed/) as string },
    });
  }
  await expect(source.read(1)).resolves.toMatchObject({ width: 8 });
});

test('closing ends, also where an answer comes late and nothing else holds the process', () => {
  // Of a thread that is terminated while it opens a file, Node leaves that open for good.
  const place = folder({ 'cat/1.png': RED, 'dog/1.png': RED });
  const file = path.join(place, 'program.mts');
  fs.writeFileSync(
    file,
    `import { Worker } from 'node:worker_threads';
    import { imageFolder } from ${JSON.stringify(path.resolve('src/entries/node.ts'))};
    let terminated = 0;
    const { terminate, postMessage } = Worker.prototype;
    Worker.prototype.terminate = function () {
      terminated++;
      return terminate.call(this);
    };
    Worker.prototype.postMessage = function (request) {
      postMessage.call(this, request);
      if (request === null) this.emit('message', { message: 'late' });
    };
    const source = await imageFolder(${JSON.stringify(place)});
    await source.read(0);
    const reading = source.read(1).catch(({ message }) => message.split(': ').at(-1));
    await source.close();
    console.log(await reading, terminated);
    await source.read(0);
    await source.close();
    console.log(terminated);`,
  );
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    encoding: 'utf8',
    cwd: path.resolve('.'),
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'the source was closed 0\n1\n' });
});
