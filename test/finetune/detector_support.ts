/** Pictures with squares, and detectors that learn to find them in a few steps. */
import type * as tf from '@tensorflow/tfjs';

import {
  type CocoDataset,
  cocoSource,
  type CreateDetectorOptions,
  createModel,
  encodeMask,
  type FineTuneDetectorOptions,
} from 'tfjs-revcol';

/** Side of the pictures. */
export const SIDE = 32;

export const CLASSES = ['red', 'blue'];

const COLOURS = [
  [215, 50, 50],
  [50, 50, 215],
] as const;
const GREY = [124, 116, 104] as const;

export const NAME = 'cascade_mask_rcnn_revcol_tiny.coco';

/** Left, top and side of the square in a picture. */
function squareOf(index: number): readonly [x: number, y: number, side: number] {
  return [4 + ((5 * index) % 11), 3 + ((7 * index) % 12), 12 + (index % 3)];
}

/** A grey picture with a red or blue square, by its number. */
export function pixelsOf(index: number) {
  const [left, top, side] = squareOf(index);
  const data = new Uint8Array(3 * SIDE * SIDE);
  const mask = new Uint8Array(SIDE * SIDE);
  for (let at = 0; at < mask.length; at++) {
    const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
    const isInside = x >= left && x < left + side && y >= top && y < top + side;
    mask[at] = Number(isInside);
    const noise = ((37 * at + 101 * index) % 61) - 30;
    const colour = isInside ? COLOURS[index % 2] : GREY;
    data.set(
      (colour as readonly number[]).map((value) => value + noise),
      3 * at,
    );
  }
  return { image: { width: SIDE, height: SIDE, data }, mask };
}

/** Annotations of such pictures; categories count from 5. */
export function annotations(count: number): CocoDataset {
  return {
    images: Array.from({ length: count }, (_, i) => ({
      id: 10 + i,
      width: SIDE,
      height: SIDE,
      file_name: String(i),
    })),
    annotations: Array.from({ length: count }, (_, i) => {
      const [x, y, side] = squareOf(i);
      return {
        id: i + 1,
        image_id: 10 + i,
        category_id: 5 + (i % 2),
        bbox: [x, y, side, side] as const,
        area: side * side,
        iscrowd: 0 as const,
        segmentation: encodeMask({ width: SIDE, height: SIDE, data: pixelsOf(i).mask }),
      };
    }),
    categories: CLASSES.map((name, c) => ({ id: 5 + c, name })),
  };
}

/** Pictures with objects. */
export function squares(count: number) {
  return cocoSource(annotations(count), (file) => Promise.resolve(pixelsOf(Number(file)).image));
}

/** Options of a network that learns to find them. */
export const TINY = {
  columns: 2,
  channels: [8, 12],
  depths: [1, 1],
  patchSize: 4,
  pyramidChannels: 12,
  hiddenChannels: 16,
  finestScale: 12,
  anchorScales: [3],
  deltaScales: [[0.1, 0.1, 0.2, 0.2]] as const,
} satisfies CreateDetectorOptions;

/** A detector of two classes. */
export function tinyDetector(options: CreateDetectorOptions = {}): tf.LayersModel {
  return createModel(NAME, { ...TINY, numClasses: 2, ...options });
}

/** Options of fine-tuning that fit it. */
export const FEW: FineTuneDetectorOptions = {
  epochs: 2,
  batch: 2,
  seed: 3,
  learningRate: 5e-3,
  saveEvery: 0,
  augment: { shortSides: [SIDE], longSide: SIDE, crop: null },
  training: {
    proposals: { perLevel: 16, most: 24, threshold: 0.7, leastSide: 0 },
    anchorSamples: { count: 32, positiveShare: 0.5 },
    regionSamples: { count: 24, positiveShare: 0.25 },
    overlaps: [0.5],
    headWeights: [1],
  },
  detecting: { proposals: 16, maxDetections: 4 },
};
