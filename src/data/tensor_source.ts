/** Labelled pictures that lie in memory: bytes in a typed array or a tensor. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireArgument, show, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireBytes, type RgbImage } from '../preprocessing/image';
import { numberedClasses, requireClassNames, requireLabels } from './class_names';
import { type ExampleSource, requireExample } from './example_source';
import { type ClassLabels, isTensor, readLabels } from './labels';

/** Bytes of pictures one after another, of one size, rows from the top. */
export interface PixelArray {
  readonly data: Uint8Array | Uint8ClampedArray;
  /** `[examples, height, width, channels]`, with 1 channel (grey), 3 (RGB) or 4 (RGBA). */
  readonly shape: readonly number[];
}

/** Options of `tensorSource`. */
export interface TensorSourceOptions {
  /** Names by class. Default: their numbers, up to the highest label. */
  classNames?: readonly string[];
}

const OPTIONS: OptionNames<TensorSourceOptions> = { classNames: true };

const OWNER = 'tensorSource';

/**
 * Makes a source of examples of pictures in memory, whose bytes it reads at once and keeps. Numbers that
 * are no bytes are nothing it takes: `evaluate` and `fineTune` take tensors as they are, as `{ x, y }`.
 *
 * @param pixels an int32 tensor `[examples, height, width, channels]` of values in 0..255, which stays the
 *   caller's; or bytes with such a shape, which are not copied. Grey becomes RGB; alpha is dropped.
 * @param labels the class of each, or one-hot rows; a tensor stays the caller's
 * @throws {Error} when pixels are no bytes or have another shape, labels are of another number or out of
 *   range, or two classes have one name
 *
 * @example
 * const source = await tensorSource({ data: bytes, shape: [500, 28, 28, 1] }, labels, { classNames });
 */
export async function tensorSource(
  pixels: tf.Tensor | PixelArray,
  labels: ClassLabels,
  options: TensorSourceOptions = {},
): Promise<ExampleSource> {
  requireOptions(OWNER, options, OPTIONS);
  const shape = shapeOf(pixels);
  const classes = await readLabels(OWNER, labels);
  const [count, height, width, channels] = shape;
  if (classes.length !== count) {
    throw new Error(
      `${OWNER}: ${count} pictures and ${classes.length} labels are given; expected one for each`,
    );
  }
  const classNames =
    options.classNames ?? numberedClasses(classes.reduce((most, c) => Math.max(most, c + 1), 1));
  requireClassNames(OWNER, classNames);
  requireLabels(OWNER, classes, classNames.length);
  const data = await bytesOf(pixels, count * height * width * channels);
  const size = height * width * channels;
  return {
    length: count,
    classNames: [...classNames],
    label: (index) => {
      requireExample(OWNER, index, count);
      return classes[index] as number;
    },
    name: String,
    read: async (index) => {
      requireExample(OWNER, index, count);
      return rgb(data.subarray(index * size, (index + 1) * size), height, width, channels);
    },
    close: () => Promise.resolve(),
  };
}

function shapeOf(pixels: unknown): [number, number, number, number] {
  const { shape } = (pixels ?? {}) as { shape?: unknown };
  const sides = Array.isArray(shape) ? (shape as unknown[]) : [];
  const isSize = (side: unknown) => Number.isInteger(side) && (side as number) >= 1;
  if (sides.length === 4 && sides.every(isSize) && [1, 3, 4].includes(sides[3] as number)) {
    return sides as [number, number, number, number];
  }
  const what = sides.length > 0 ? `of shape ${show(sides as number[])}` : shown(pixels);
  throw new Error(
    `${OWNER}: pixels are ${what}; expected [examples, height, width, channels] with 1, 3 or 4 channels: an ` +
      'int32 tensor, or { data, shape } of bytes',
  );
}

async function bytesOf(pixels: tf.Tensor | PixelArray, size: number): Promise<Uint8Array> {
  if (!isTensor(pixels)) {
    const { data } = pixels;
    requireBytes(data);
    requireArgument(
      OWNER,
      'the length of data',
      data.length,
      data.length === size,
      `${size} bytes`,
    );
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  }
  if (pixels.dtype !== 'int32') {
    throw new Error(
      `${OWNER}: pixels are ${pixels.dtype}; expected int32 values in 0..255, as tf.browser.fromPixels ` +
        'gives. Make them by tf.cast(x, "int32"), after multiplying values in 0..1 by 255; or give ' +
        '{ x, y } to evaluate and fineTune, which take tensors as the model does',
    );
  }
  const values = await pixels.data();
  const wrong = values.findIndex((value) => value < 0 || value > 255);
  if (wrong >= 0) {
    throw new Error(`${OWNER}: a pixel is ${values[wrong]}; expected values in 0..255`);
  }
  return Uint8Array.from(values);
}

function rgb(bytes: Uint8Array, height: number, width: number, channels: number): RgbImage {
  const data = new Uint8Array(3 * height * width);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      data[3 * i + c] = bytes[channels * i + (channels === 1 ? 0 : c)] as number;
    }
  }
  return { width, height, data };
}
