import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';

import { readPixels } from '../../src/preprocessing/canvas';
import { fitImage } from '../../src/preprocessing/fit_image';
import { type RgbImage, toRgb } from '../../src/preprocessing/image';
import { preprocess } from '../../src/preprocessing/preprocess';
import { resizeBicubic, resizeRegion } from '../../src/preprocessing/resize_bicubic';
import { PRETRAINED_WEIGHTS } from '../../src/registry/pretrained';
import { syntheticImage } from '../support/synthetic_image';
import pillow from './pillow.json';

function withAlpha({ width, height, data }: RgbImage) {
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    rgba.set(
      [data[3 * i] as number, data[3 * i + 1] as number, data[3 * i + 2] as number, i & 255],
      4 * i,
    );
  }
  return { width, height, data: rgba };
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

describe('byte for byte what Pillow makes', () => {
  test.each(pillow.resized)('resize $from to $to', ({ from, to, rgb }) => {
    const [width, height] = from as [number, number];
    const got = resizeBicubic(syntheticImage(width, height), to[0] as number, to[1] as number);
    expect([got.width, got.height]).toEqual(to);
    expect(Buffer.from(got.data).equals(Buffer.from(rgb, 'base64'))).toBe(true);
  });

  test.each(pillow.official)(
    'official evaluation of $from at $size',
    ({ from, size, head, sha256: sum }) => {
      const image = syntheticImage(from[0] as number, from[1] as number);
      const got = fitImage(image, { inputSize: [size, size, 3] });
      expect([got.width, got.height]).toEqual([size, size]);
      expect([...got.data.subarray(0, head.length)]).toEqual(head);
      expect(sha256(got.data)).toBe(sum);
      // With an alpha channel, the very same.
      expect(sha256(fitImage(withAlpha(image), { inputSize: [size, size, 3] }).data)).toBe(sum);
    },
  );
});

describe('images that are long and thin', () => {
  const GREEN = [10, 200, 30];
  const plain = (width: number, height: number): RgbImage => ({
    width,
    height,
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => GREEN[i % 3] as number),
  });

  test.each([
    [1, 20_000],
    [20_000, 1],
    [1, 100_000],
    [100_000, 1],
    [3, 30_000],
  ])('%i x %i of one colour keeps it, in memory of its own size', (width, height) => {
    const image = plain(width, height);
    const before = process.memoryUsage().arrayBuffers;
    for (const crop of ['center', 'squash'] as const) {
      const { data } = fitImage(image, { inputSize: [224, 224, 3], crop });
      expect(data).toHaveLength(224 * 224 * 3);
      expect(data.every((byte, i) => byte === GREEN[i % 3])).toBe(true);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200e6);
  });

  test('a region is what the whole has there', () => {
    const image = syntheticImage(37, 23);
    for (const [width, height] of [
      [37, 23],
      [37, 50],
      [90, 23],
      [11, 7],
      [300, 5],
      [5, 300],
    ] as const) {
      const whole = resizeBicubic(image, width, height);
      const region = { left: 2, top: 1, width: width - 4, height: height - 3 };
      const part = resizeRegion(image, width, height, region);
      const rows = Array.from({ length: region.height }, (_, y) => {
        const start = 3 * ((y + region.top) * width + region.left);
        return Buffer.from(whole.data.subarray(start, start + 3 * region.width));
      });
      expect(Buffer.from(part.data).equals(Buffer.concat(rows))).toBe(true);
    }
  });
});

describe('preprocess', () => {
  test('normalises with the published mean and deviation, in NHWC, and batches', async () => {
    const before = tf.memory().numTensors;
    const images = [syntheticImage(100, 80), withAlpha(syntheticImage(64, 90))];
    const batch = preprocess(images, PRETRAINED_WEIGHTS['revcol_tiny.in1k']);
    expect(batch.shape).toEqual([2, 224, 224, 3]);
    expect(batch.dtype).toBe('float32');
    const values = await batch.data();
    const mean = [0.485, 0.456, 0.406];
    const std = [0.229, 0.224, 0.225];
    let worst = 0;
    for (const [n, image] of images.entries()) {
      const { data } = fitImage(image);
      for (let i = 0; i < data.length; i++) {
        const c = i % 3;
        const expected = ((data[i] as number) / 255 - (mean[c] as number)) / (std[c] as number);
        worst = Math.max(worst, Math.abs((values[n * data.length + i] as number) - expected));
      }
    }
    expect(worst).toBeLessThan(1e-6);
    batch.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('takes the crop, size, mean and deviation of the record', async () => {
    const image = syntheticImage(50, 40);
    const options = {
      inputSize: [10, 12, 3] as const,
      crop: 'squash' as const,
      mean: [0, 0, 0] as const,
      std: [1, 0.5, 0.25] as const,
    };
    const input = preprocess(image, options);
    expect(input.shape).toEqual([1, 10, 12, 3]);
    const resized = resizeBicubic(image, 12, 10).data;
    const values = await input.data();
    for (let i = 0; i < resized.length; i++) {
      expect(values[i]).toBeCloseTo(((resized[i] as number) / 255) * 2 ** (i % 3), 5);
    }
    input.dispose();
    const large = preprocess(image, PRETRAINED_WEIGHTS['revcol_base.in22k_ft_in1k_384']);
    expect(large.shape).toEqual([1, 384, 384, 3]);
    large.dispose();
  });

  test('one channel is the luma of three', async () => {
    const images = [syntheticImage(12, 9), withAlpha(syntheticImage(8, 8))];
    const options = { crop: 'squash' as const, mean: [0.5, 0.4, 0.3] as const };
    const colours = preprocess(images, { ...options, inputSize: [7, 6, 3] });
    const grey = preprocess(images, { ...options, inputSize: [7, 6, 1] });
    expect(grey.shape).toEqual([2, 7, 6, 1]);
    const [rgb, values] = [await colours.data(), await grey.data()];
    for (let i = 0; i < values.length; i++) {
      const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
      const luma = 0.299 * Number(r) + 0.587 * Number(g) + 0.114 * Number(b);
      expect(values[i]).toBeCloseTo(luma, 5);
    }
    tf.dispose([colours, grey]);
    expect(() => preprocess(images, { inputSize: [7, 6, 2] as never })).toThrow(
      'preprocess: inputSize[2] is 2; expected 3 channels, or 1',
    );
  });

  test('errors say what is wrong', () => {
    expect(() => preprocess([])).toThrow('got no image');
    const short = { width: 4, height: 4, data: new Uint8Array(17) };
    expect(() => preprocess(short)).toThrow('need 48 bytes (RGB) or 64 (RGBA), got 17');
    expect(() => toRgb({ width: 0, height: 4, data: new Uint8Array(0) })).toThrow('0 x 4');
    expect(() => resizeBicubic(syntheticImage(4, 4), 0, 3)).toThrow('got 0 x 3');
    expect(() =>
      fitImage(syntheticImage(4, 4), { inputSize: [32, 64, 3], crop: 'center' }),
    ).toThrow('32 x 64');
    const outside = { left: 2, top: 2, width: 3, height: 1 };
    expect(() => resizeRegion(syntheticImage(9, 9), 4, 4, outside)).toThrow(
      'does not lie inside 4 x 4',
    );
    const half = { ...outside, left: 0.5 };
    expect(() => resizeRegion(syntheticImage(9, 9), 4, 4, half)).toThrow(
      'does not lie inside 4 x 4',
    );
    expect(() => readPixels({ width: 1, height: 1 } as OffscreenCanvas)).toThrow('OffscreenCanvas');
  });

  test('a view into a larger buffer is read at its place', () => {
    const image = syntheticImage(9, 7);
    const buffer = new Uint8Array(image.data.length + 5);
    buffer.set(image.data, 5);
    const view = { ...image, data: buffer.subarray(5) };
    expect(sha256(resizeBicubic(toRgb(view), 5, 4).data)).toBe(
      sha256(resizeBicubic(image, 5, 4).data),
    );
  });
});

describe('pixels that are no bytes', () => {
  const PIXELS = 4 * 4 * 3;
  const KINDS: [string, unknown, RegExp][] = [
    ['Float32Array', new Float32Array(PIXELS).fill(0.5), /\(v\) => 255 \* v\)$/],
    ['Float64Array', new Float64Array(PIXELS), /\(v\) => 255 \* v\)$/],
    ['Uint16Array', new Uint16Array(PIXELS), /\(v\) => v \/ 257\)$/],
    ['Int32Array', new Int32Array(PIXELS), /Uint8ClampedArray\.from\(data\)$/],
    ['Int8Array', new Int8Array(PIXELS), /Uint8ClampedArray\.from\(data\)$/],
    ['BigInt64Array', new BigInt64Array(PIXELS), /Uint8ClampedArray or Buffer$/],
    ['DataView', new DataView(new ArrayBuffer(PIXELS)), /new Uint8Array\(buffer\)$/],
    ['ArrayBuffer', new ArrayBuffer(PIXELS), /new Uint8Array\(buffer\)$/],
    ['list', new Array<number>(PIXELS).fill(128), /Uint8ClampedArray\.from\(data\)$/],
  ];

  test.each(KINDS)('%s', (kind, data, advice) => {
    const image = { width: 4, height: 4, data } as RgbImage;
    const start = new RegExp(`^image: data is a ${kind}; expected bytes in 0\\.\\.255`);
    for (const call of [
      () => preprocess(image),
      () => preprocess([syntheticImage(4, 4), image]),
      () => fitImage(image),
      () => resizeBicubic(image, 2, 2),
      () => resizeBicubic(image, 4, 4),
    ]) {
      expect(call).toThrow(start);
      expect(call).toThrow(advice);
    }
  });

  test('bytes of every kind and realm are taken', () => {
    const { width, height, data } = syntheticImage(5, 4);
    const foreign = runInNewContext('Uint8ClampedArray.from(bytes)', { bytes: [...data] }) as never;
    for (const same of [Uint8ClampedArray.from(data), Buffer.from(data), foreign]) {
      const fitted = fitImage({ width, height, data: same }, { inputSize: [3, 3] });
      expect(fitted.data).toEqual(fitImage({ width, height, data }, { inputSize: [3, 3] }).data);
    }
  });
});

describe('mean and std that are none', () => {
  const OTHERS: [Record<string, unknown>, RegExp][] = [
    [{ mean: [0.5] }, /^preprocess: mean is \[0\.5\]; expected finite numbers, \[R, G, B\]/],
    [{ mean: 0.5 }, /mean is 0\.5/],
    [{ mean: [0.5, 0.5, NaN] }, /mean is \[0\.5, 0\.5, NaN\]/],
    [{ mean: [123.675, 116.28, 103.53] }, /mean is \[123.*that of pixels in 0\.\.1\. Divide/],
    [{ mean: null }, /mean is null/],
    [{ std: [1] }, /^preprocess: std is \[1\]; expected numbers above 0/],
    [{ std: [0, 0, 0] }, /std is \[0, 0, 0\]/],
    [{ std: [1, 1, -1] }, /std is \[1, 1, -1\]/],
    [{ std: [1, 1, 1, 1] }, /std is \[1, 1, 1, 1\]/],
    [{ std: ['1', 1, 1] }, /std is \['1', 1, 1\]/],
  ];
  test.each(OTHERS)('%j', (options, message) => {
    const before = tf.memory().numTensors;
    expect(() => preprocess(syntheticImage(4, 4), options)).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('class names', async () => {
  const { IMAGENET_CLASSES } = await import('../../src/registry/imagenet_classes');
  expect(IMAGENET_CLASSES).toHaveLength(1000);
  expect(new Set(IMAGENET_CLASSES).size).toBe(999);
  expect(IMAGENET_CLASSES[0]).toBe('tench, Tinca tinca');
  expect(IMAGENET_CLASSES[281]).toMatch(/^tabby/);
  expect(IMAGENET_CLASSES[999]).toMatch(/^toilet tissue/);
});

test.each([64, [0, 32], ['a', 'b'], [32]])('inputSize %j is refused', (inputSize) => {
  const image = { width: 2, height: 2, data: new Uint8Array(12) };
  const options = { inputSize: inputSize as unknown as [number, number] };
  expect(() => preprocess(image, options)).toThrow(/: inputSize is .*; expected \[height, width\]/);
});
