/** Pictures with label maps and networks for tests of fine-tuning segmenters: small enough for plain cpu. */
import type * as tf from '@tensorflow/tfjs';

import {
  createModel,
  type CreateSegmenterOptions,
  type SegmentationExample,
  segmentationSource,
} from 'tfjs-revcol';

/** Side of the pictures. */
export const SIDE = 16;

export const CLASSES = ['dark', 'bright'];

/** A picture with a bright half, by its number the left, right, upper or lower one; labels tell it. */
export function example(index: number, label?: (bright: number, at: number) => number) {
  const bright = (at: number) => {
    const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
    return Number([x < SIDE / 2, x >= SIDE / 2, y < SIDE / 2, y >= SIDE / 2][index % 4]);
  };
  const data = new Uint8Array(3 * SIDE * SIDE);
  const labels = new Uint8Array(SIDE * SIDE);
  for (let at = 0; at < labels.length; at++) {
    const value = 40 + 150 * bright(at) + ((37 * at + 101 * index) % 40);
    data.fill(value, 3 * at, 3 * at + 3);
    labels[at] = label ? label(bright(at), at) : bright(at);
  }
  const size = { width: SIDE, height: SIDE };
  return { image: { ...size, data }, labels: { ...size, data: labels } };
}

/** Labelled pictures. */
export function scenes(count: number, ...more: readonly SegmentationExample[]) {
  const examples = Array.from({ length: count }, (_, i) => example(i));
  return segmentationSource([...examples, ...more], { classNames: CLASSES });
}

/** Options of a network that learns to tell them apart in a few steps. */
export const TINY = {
  columns: 2,
  channels: [4, 4, 6],
  depths: [1, 1, 1],
  patchSize: 2,
  headChannels: 4,
  auxiliaryChannels: 4,
  poolScales: [1, 2],
};

export const NAME = 'upernet_revcol_tiny.ade20k_512';

/** A UPerNet of two classes. */
export function tinySegmenter(options: CreateSegmenterOptions = {}): tf.LayersModel {
  return createModel(NAME, { ...TINY, numClasses: 2, ...options });
}
