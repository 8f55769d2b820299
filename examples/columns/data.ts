/** The pictures of the experiment: parts of Fashion-MNIST, as tensors. */
import * as tf from '@tensorflow/tfjs';

import { epochOrder } from 'tfjs-revcol/training';
import { type GreyPictures, readIdx } from '../pictures/idx';
import { NETWORK, SPLIT } from './settings';

/** Mean and deviation of the training part's pixels, which are in 0..1. */
export const [MEAN, STD] = [0.286, 0.353];

/** Pictures of a part, by their numbers in the official one. */
export interface Part {
  pictures: GreyPictures;
  numbers: Uint32Array;
}

/** Tensors of a batch; whoever takes it disposes it. */
export interface Batch {
  /** `[batch, 32, 32, 1]`, normalised */
  x: tf.Tensor4D;
  /** One-hot, `[batch, 10]` */
  y: tf.Tensor2D;
}

/** What is learned from, and what rates are chosen by and features looked at: no picture is in both. */
export function trainingParts(folder: string): { training: Part; heldOut: Part } {
  const pictures = readIdx(folder, 'train');
  const order = epochOrder(SPLIT.seed, 0, pictures.count);
  const heldOut = order.slice(0, SPLIT.heldOut);
  const training = order.slice(SPLIT.heldOut, SPLIT.heldOut + SPLIT.training);
  return { training: { pictures, numbers: training }, heldOut: { pictures, numbers: heldOut } };
}

/** The official test part, for the end. */
export function testPart(folder: string): Part {
  const pictures = readIdx(folder, 't10k');
  return { pictures, numbers: Uint32Array.from({ length: pictures.count }, (_, i) => i) };
}

/** Some pictures of a part, by their places in it. */
export function batchOf({ pictures, numbers }: Part, places: Iterable<number>): Batch {
  const { height, width, pixels, labels } = pictures;
  const chosen = [...places].map((place) => numbers[place] as number);
  const { side, numClasses } = NETWORK;
  const [top, left] = [(side - height) >> 1, (side - width) >> 1];
  const values = new Float32Array(chosen.length * side * side).fill((0 - MEAN) / STD);
  chosen.forEach((number, i) => {
    for (let row = 0; row < height; row++) {
      const from = (number * height + row) * width;
      const to = (i * side + top + row) * side + left;
      for (let c = 0; c < width; c++) {
        values[to + c] = ((pixels[from + c] as number) / 255 - MEAN) / STD;
      }
    }
  });
  const classes = Int32Array.from(chosen, (number) => labels[number] as number);
  return tf.tidy(() => ({
    x: tf.tensor4d(values, [chosen.length, side, side, 1]),
    y: tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), numClasses), 'float32') as tf.Tensor2D,
  }));
}

/** All of a part, in batches. */
export function* batchesOf(part: Part, size: number, count = part.numbers.length) {
  for (let from = 0; from < count; from += size) {
    const length = Math.min(size, count - from);
    yield batchOf(
      part,
      Array.from({ length }, (_, i) => from + i),
    );
  }
}
