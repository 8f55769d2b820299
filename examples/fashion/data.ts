/** Grey pictures of 28 x 28 pixels in ten classes: Fashion-MNIST, and handwritten digits. */
import { epochOrder } from 'tfjs-revcol/training';
import { loadDigits, splitDigits } from '../digits/data';
import { type GreyPictures, readIdx } from '../pictures/idx';

/** Side of every picture, in pixels. */
export const SIDE = 28;

/** Pictures with their classes. */
export interface Pictures {
  count: number;
  /** A byte for each pixel, picture by picture, row by row. */
  pixels: Uint8Array;
  /** Numbers of the classes. */
  labels: Uint8Array;
}

/** Three parts that share no picture. Nothing is ever chosen by `test`. */
export interface Split {
  train: Pictures;
  /** Held out of the training pictures, for choosing settings. */
  validation: Pictures;
  test: Pictures;
}

/** What is known of a data set. */
export interface DataSet {
  /** Mean and deviation of the training pictures' pixels, of values in 0..1. */
  mean: number;
  std: number;
  /** Whether what is seen in a mirror is of the same class. */
  mirrored: boolean;
  /** @param folder where its files are, for one that is not among the packages */
  load: (folder: string | undefined) => Split;
}

const HELD_OUT = 5000;
const [TEST_DIGITS, HELD_OUT_DIGITS] = [2000, 500];

/** Decides what is held out of Fashion-MNIST; the same in every run, whatever its seed. */
const HOLD_OUT_SEED = 2212;

/** Some of the pictures, in the order of their numbers in `which`. */
function pick({ pixels, labels }: Pictures, which: Uint32Array): Pictures {
  const size = SIDE * SIDE;
  const picked = new Uint8Array(which.length * size);
  which.forEach((from, to) =>
    picked.set(pixels.subarray(from * size, (from + 1) * size), to * size),
  );
  return {
    count: which.length,
    pixels: picked,
    labels: Uint8Array.from(which, (i) => labels[i] as number),
  };
}

function picturesOf({ count, width, height, pixels, labels }: GreyPictures): Pictures {
  if (width !== SIDE || height !== SIDE) {
    throw new Error(`pictures of ${height} x ${width} pixels; expected ${SIDE} x ${SIDE}`);
  }
  return { count, pixels, labels };
}

function loadFashion(folder: string | undefined): Split {
  if (folder === undefined) {
    throw new Error('give --data, the folder with the four files of Fashion-MNIST');
  }
  const all = picturesOf(readIdx(folder, 'train'));
  const order = epochOrder(HOLD_OUT_SEED, 0, all.count);
  return {
    train: pick(all, order.slice(HELD_OUT)),
    validation: pick(all, order.slice(0, HELD_OUT)),
    test: picturesOf(readIdx(folder, 't10k')),
  };
}

/** The digits of the package `mnist`, with the test part of the digits example. */
function loadDigitSplit(): Split {
  const { train, test } = splitDigits(loadDigits(), TEST_DIGITS);
  const toPictures = (digits: typeof train): Pictures => ({
    count: digits.length,
    pixels: Uint8Array.from(
      digits.flatMap(({ pixels }) => Array.from(pixels, (value) => Math.round(255 * value))),
    ),
    labels: Uint8Array.from(digits, ({ label }) => label),
  });
  return {
    train: toPictures(train.slice(HELD_OUT_DIGITS)),
    validation: toPictures(train.slice(0, HELD_OUT_DIGITS)),
    test: toPictures(test),
  };
}

/** The data sets by name. */
export const DATA_SETS = {
  fashion: { mean: 0.286, std: 0.353, mirrored: true, load: loadFashion },
  digits: { mean: 0.1307, std: 0.3081, mirrored: false, load: loadDigitSplit },
} as const satisfies Record<string, DataSet>;

export type DataSetName = keyof typeof DATA_SETS;
