/** Sources of examples in memory and of files in a page, names of classes, and what models take. */
import * as tf from '@tensorflow/tfjs';

import { createModel, imageFiles, tensorSource } from 'tfjs-revcol';
import { matchClasses } from '../../src/data/class_names';
import { limiter } from '../../src/data/limiter';
import { modelInput } from '../../src/data/model_input';
import { expectNoLeak, useBackend } from '../support/backends';

beforeAll(() => useBackend('cpu'));

describe('tensorSource', () => {
  test('grey, RGB and RGBA bytes, and int32 tensors', async () => {
    const grey = await tensorSource({ data: Uint8Array.of(7, 9), shape: [2, 1, 1, 1] }, [0, 1]);
    expect([...(await grey.read(1)).data]).toEqual([9, 9, 9]);
    expect([grey.length, grey.classNames, grey.label(1), grey.name(1)]).toEqual([
      2,
      ['0', '1'],
      1,
      '1',
    ]);
    const rgba = await tensorSource({ data: Uint8Array.of(1, 2, 3, 4), shape: [1, 1, 1, 4] }, [0]);
    expect([...(await rgba.read(0)).data]).toEqual([1, 2, 3]);
    await expectNoLeak(async () => {
      const [x, y] = [tf.tensor4d([5, 6, 255], [1, 1, 1, 3], 'int32'), tf.oneHot([2], 3)];
      const source = await tensorSource(x, y, { classNames: ['a', 'b', 'c'] });
      tf.dispose([x, y]);
      expect(source.label(0)).toBe(2);
      expect([...(await source.read(0)).data]).toEqual([5, 6, 255]);
    });
  });

  test('what is no picture, or has no label, is refused', async () => {
    const bytes = (data: Uint8Array, ...shape: number[]) => ({ data, shape });
    const one = bytes(new Uint8Array(3), 1, 1, 1, 3);
    const refusal = (...args: unknown[]) =>
      expect((tensorSource as (...args: unknown[]) => Promise<unknown>)(...args)).rejects;
    await refusal(bytes(new Uint8Array(4), 1, 2, 2), [0]).toThrow(
      /pixels are of shape \[1, 2, 2\]; expected/,
    );
    await refusal(bytes(new Uint8Array(5), 1, 1, 1, 3), [0]).toThrow(
      /length of data is 5; expected 3 bytes/,
    );
    await refusal({ ...one, data: [1, 2, 3] }, [0]).toThrow(/data is a list; expected bytes/);
    await refusal(one, [0, 1]).toThrow(/1 pictures and 2 labels/);
    await refusal(one, [0.5]).toThrow(/label 0 is 0.5; expected the number of a class/);
    await refusal(one, [-1]).toThrow(/the label of example 0 is -1/);
    await refusal(one, [3], { classNames: ['a', 'b'] }).toThrow(
      /the label of example 0 is 3; .*0 to 1/,
    );
    await refusal(one, [0], { classNames: ['a', 'a'] }).toThrow(/two classes are named "a"/);
    const x = tf.zeros([1, 1, 1, 3]);
    const big = tf.fill([1, 1, 1, 3], 256, 'int32');
    const rows = tf.zeros([1, 3]);
    await refusal(x, [0]).toThrow(/pixels are float32; expected int32 values in 0\.\.255/);
    await refusal(big, [0]).toThrow(/a pixel is 256/);
    await refusal(one, rows).toThrow(/a row without a class, that of example 0/);
    tf.dispose([x, big, rows]);
  });
});

describe('imageFiles', () => {
  /** As a page gives the files of a chosen folder. */
  const chosen = (...paths: string[]) =>
    paths.map((path) => {
      const file = new File(['x'], path.split('/').at(-1) as string);
      return Object.defineProperty(file, 'webkitRelativePath', { value: path });
    });

  test('the files of a folder', () => {
    const files = chosen(
      'pets/dog/2.png',
      'pets/cat/deep/1.jpg',
      'pets/cat/notes.txt',
      'pets/.DS_Store',
      'pets/cat/.hidden/1.png',
    );
    const source = imageFiles(files);
    expect(source.classNames).toEqual(['cat', 'dog']);
    expect([source.name(0), source.label(0), source.name(1), source.label(1)]).toEqual([
      'cat/deep/1.jpg',
      0,
      'dog/2.png',
      1,
    ]);
  });

  test('a part of a folder, with the classes of another', () => {
    const files = chosen('pets/train/cat/1.png', 'pets/train/dog/1.png', 'pets/val/dog/9.png');
    const { classNames } = imageFiles(files, { split: 'train' });
    const val = imageFiles(files, { split: 'val', classNames });
    expect([val.length, val.name(0), val.label(0)]).toEqual([1, 'val/dog/9.png', 1]);
    expect(() => imageFiles(files)).toThrow(/holds the parts train, val/);
    expect(() => imageFiles(files, { split: 'test' })).toThrow(/pets\/test has no folders/);
  });

  test('files with the names of their classes', async () => {
    const file = new File(['x'], '1.png');
    const source = imageFiles([
      { file, className: 'dog' },
      { file: new Blob(['y']), className: 'cat' },
      { file, className: 'cat', name: 'mine' },
    ]);
    expect(source.classNames).toEqual(['cat', 'dog']);
    expect([0, 1, 2].map((i) => `${source.name(i)} ${source.label(i)}`)).toEqual([
      '1.png 1',
      '1 0',
      'mine 0',
    ]);
    // Here there is no browser to decode them.
    await expect(source.read(0)).rejects.toThrow(
      /1\.png: cannot be decoded here; in Node use imageFolder/,
    );
  });

  test('what has no class is refused', () => {
    const file = new File(['x'], '1.png');
    expect(() => imageFiles([])).toThrow(/there are no files/);
    expect(() => imageFiles([file])).toThrow(/"1\.png" lies in no folder; choose one/);
    expect(() => imageFiles([{ file, className: 'a' }])).toThrow(/all files are of class "a"/);
    expect(() => imageFiles([{ file, className: 'a' }], { classNames: ['b', 'c'] })).toThrow(
      /1\.png is of class "a", which is none of b, c/,
    );
    expect(() => imageFiles(chosen('pets/cat/1.png'))).toThrow(/has one class only, "cat"/);
  });
});

test('classes are matched by name, or by number where there are none', () => {
  const match = (...args: [string[], string[] | undefined, number]) => matchClasses('f', ...args);
  expect(match(['b', 'a'], ['a', 'b', 'c'], 3)).toEqual([1, 0]);
  expect(match(['b', 'a'], undefined, 2)).toEqual([0, 1]);
  expect(match(['0', '1'], ['a', 'b', 'c'], 3)).toEqual([0, 1]);
  expect(match(['0', '1'], ['1', '0', 'c'], 3)).toEqual([1, 0]);
  expect(() => match(['a'], ['a'], 2)).toThrow(/classNames has 1 names, the model has 2 classes/);
});

test('only so many pieces of work at a time, and all of them', async () => {
  const limited = limiter(2);
  let [running, most] = [0, 0];
  const work = async (i: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    if (i === 3) throw new Error('three');
    return i;
  };
  const all = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((i) => limited(() => work(i))));
  expect(most).toBe(2);
  expect(all.map((one) => ('value' in one ? one.value : 'failed'))).toEqual([
    0,
    1,
    2,
    'failed',
    4,
    5,
  ]);
});

describe('what a model takes', () => {
  const small = { columns: 2, channels: [4, 4], depths: [1, 1], numClasses: 3 };
  const inputOf = (options: object, given = {}) => {
    const model = createModel('revcol_tiny', { ...small, ...options });
    try {
      return modelInput('it', model, given);
    } finally {
      model.dispose();
    }
  };

  test('its size, and the units that it normalises itself', () => {
    expect(inputOf({ inputShape: [32, 48, 3] })).toMatchObject({
      inputSize: [32, 48],
      channels: 3,
    });
    expect(inputOf({ inputShape: [null, null, 3] }).inputSize).toEqual([224, 224]);
    const open = inputOf({ inputShape: [null, null, 3] }, { inputSize: [64, 80] });
    expect(open.inputSize).toEqual([64, 80]);
    const units = (pixelMean: number, pixelStd: number) =>
      inputOf({ inputShape: [32, 32, 1], pixelMean, pixelStd });
    expect(units(0.5, 0.2)).toMatchObject({ channels: 1, mean: [0, 0, 0], std: [1, 1, 1] });
    expect(units(120, 60).std?.[0]).toBe(1 / 255);
    expect(() => units(0.5, 60)).toThrow(
      /it normalises its pixels by .* neither of pixels in 0\.\.1/,
    );
    expect(() => inputOf({ inputShape: [32, 32, 3] }, { inputSize: [64, 64] })).toThrow(
      /takes images of 32 x 32 pixels, so an input size of 64 x 64 does not fit/,
    );
    expect(() => inputOf({ inputShape: [32, 32, 4] })).toThrow(/is of images with 4 channels/);
  });
});
