/** The cascade of a detector: regions that its heads move one after the other, objects, and their masks. */
import * as tf from '@tensorflow/tfjs-core';

import { clipBoxes, decodeBoxes } from '../ops/detection/box_deltas';
import { boxAt, type ImageSize, takeBoxes } from '../ops/detection/box_list';
import { takeRows } from '../ops/detection/losses';
import { suppressed } from '../ops/detection/nms';
import { readTensor } from '../ops/engine/lost_backend';
import { tidyAll } from '../ops/engine/tensors';
import { type DetectorParts, regionFeatures } from './detector_parts';
import { requireFinite } from './proposals';

/** How objects are chosen among regions. */
export interface ObjectSettings {
  /** A class of a region with a probability above this is an object. */
  readonly score: number;
  /** Of a class's objects with a larger overlap than this the best stays. */
  readonly threshold: number;
  /** Objects of an image at most. */
  readonly most: number;
}

/** An image of a batch. */
export interface BatchImage {
  /** Height and width without padding, in pixels. */
  readonly size: ImageSize;
  /** Factors by which the picture was resized to that: of x, and of y. */
  readonly scale: readonly [x: number, y: number];
}

/** Objects of an image, the best first. */
export interface Objects {
  /** In pixels of the image as it was given to the model. */
  readonly regions: Float32Array;
  /** In pixels of the picture before it was resized. */
  readonly boxes: Float32Array;
  readonly scores: Float64Array;
  /** Number of the class of each. */
  readonly labels: Int32Array;
}

/** Boxes of images of a batch as regions: the number of the image before each. */
export function toRegions(boxes: readonly ArrayLike<number>[]): Float32Array {
  const count = boxes.reduce((sum, { length }) => sum + length / 4, 0);
  const regions = new Float32Array(5 * count);
  let at = 0;
  boxes.forEach((list, image) => {
    for (let i = 0; i < list.length / 4; i++) {
      regions.set([image, ...boxAt(list, i)], at);
      at += 5;
    }
  });
  return regions;
}

/** Boxes of regions, `[n, 4]`. */
export function boxesOf(regions: Float32Array): tf.Tensor2D {
  return tf.tidy(() => tf.slice2d(tf.tensor2d(regions, [regions.length / 5, 5]), [0, 1], [-1, 4]));
}

/** Number of the largest of `count` values from `start` on; of equal ones the first. */
export function bestClass(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let c = 1; c < count; c++) {
    if ((values[start + c] as number) > (values[start + best] as number)) best = c;
  }
  return best;
}

/** Regions moved by the deltas of one class each, and clipped to their images. */
export async function movedRegions(
  regions: Float32Array,
  classes: ArrayLike<number>,
  deltas: tf.Tensor,
  scales: Parameters<typeof decodeBoxes>[2],
  sizes: readonly ImageSize[],
): Promise<Float32Array[]> {
  const units = (deltas.shape[1] as number) / 4;
  const images = Array.from(classes, (_, i) => regions[5 * i] as number);
  const moved = tf.tidy(() => {
    const places = Array.from(classes, (c, i) => i * units + c);
    return decodeBoxes(boxesOf(regions), takeRows(deltas, 4, places), scales);
  });
  try {
    return await Promise.all(
      sizes.map(async (size, image) => {
        const own = images.flatMap((of, i) => (of === image ? [i] : []));
        if (own.length === 0) return new Float32Array(0);
        const clipped = tf.tidy(() => clipBoxes(takeRows(moved, 4, own), size));
        return Float32Array.from(await readTensor(clipped).finally(() => clipped.dispose()));
      }),
    );
  } finally {
    moved.dispose();
  }
}

/** Softmax of a row of logits, in double precision. */
function softmax(logits: ArrayLike<number>, start: number, count: number): Float64Array {
  const own = Float64Array.from({ length: count }, (_, c) => logits[start + c] as number);
  const most = own.reduce((a, b) => Math.max(a, b), -Infinity);
  const shares = own.map((value) => Math.exp(value - most));
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

/** What the heads of a cascade said of the regions, as the last one was given them. */
interface CascadeResult {
  readonly regions: Float32Array;
  /** Sum of the logits of all heads, `[regions, classes + 1]`. */
  readonly logits: Float64Array;
  /** Of the last head, `[regions, 4 classes]`; the caller's. */
  readonly deltas: tf.Tensor;
}

/** What a head was given, and what it said; its tensors live until the call returns. */
export interface HeadStep {
  readonly head: number;
  readonly regions: Float32Array;
  readonly logits: tf.Tensor;
  readonly deltas: tf.Tensor;
}

/** Runs all box heads. There must be a region. */
async function runHeads(
  parts: DetectorParts,
  maps: readonly tf.Tensor[],
  boxes: readonly Float32Array[],
  images: readonly BatchImage[],
  onHead: (step: HeadStep) => void,
): Promise<CascadeResult> {
  const { heads } = parts;
  const { units, deltaScales } = heads;
  const sizes = images.map(({ size }) => size);
  let regions = toRegions(boxes);
  const sum = new Float64Array((regions.length / 5) * (units + 1));
  for (let k = 0; ; k++) {
    const [logits, deltas] = tidyAll(() =>
      heads.boxes(k, regionFeatures(parts, maps, regions, heads.boxBins)),
    );
    let isResult = false;
    try {
      onHead({ head: k, regions, logits, deltas });
      const values = await readTensor(logits);
      requireFinite(values, 'logits of classes');
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number);
      isResult = k === deltaScales.length - 1;
      if (isResult) return { regions, logits: sum, deltas };
      const classes = Array.from({ length: regions.length / 5 }, (_, i) =>
        bestClass(values, i * (units + 1), units),
      );
      regions = toRegions(await movedRegions(regions, classes, deltas, deltaScales[k], sizes));
    } finally {
      logits.dispose();
      if (!isResult) deltas.dispose();
    }
  }
}

/** A region as an object of a class. */
interface Candidate {
  readonly region: number;
  readonly label: number;
  readonly score: number;
}

/** Classes of regions that are probable enough: by region, then by class. */
function candidatesOf({ regions, logits }: CascadeResult, units: number, least: number) {
  const found: Candidate[] = [];
  for (let region = 0; region < regions.length / 5; region++) {
    const probabilities = softmax(logits, region * (units + 1), units + 1);
    for (let label = 0; label < units; label++) {
      const score = probabilities[label] as number;
      if (score > least) found.push({ region, label, score });
    }
  }
  return found;
}

/** No objects. */
const NOTHING: Objects = {
  regions: new Float32Array(0),
  boxes: new Float32Array(0),
  scores: new Float64Array(0),
  labels: new Int32Array(0),
};

/**
 * Objects of each image of a batch (Cai and Vasconcelos 2019, arXiv 1906.09756, section 5), as mmdetection's
 * `CascadeRoIHead.simple_test_bboxes` finds them: every head moves the regions by the deltas of the class that it
 * thinks best; probabilities are the softmax of the mean of all heads' logits; every class of a region that is
 * probable enough is an object, whose box the last head gives; of those of a class that overlap the best.
 *
 * @param maps of the levels of the pyramid, bottom first
 * @param boxes proposals of each image, in pixels of the batch
 * @param onHead called for each head in turn
 */
export async function objectsOf(
  parts: DetectorParts,
  maps: readonly tf.Tensor[],
  boxes: readonly Float32Array[],
  images: readonly BatchImage[],
  { score, threshold, most }: ObjectSettings,
  onHead: (step: HeadStep) => void = () => undefined,
): Promise<Objects[]> {
  if (boxes.every(({ length }) => length === 0)) return images.map(() => NOTHING);
  const { units, deltaScales } = parts.heads;
  const result = await runHeads(parts, maps, boxes, images, onHead);
  try {
    const { regions, logits } = result;
    const mean = logits.map((value) => value / deltaScales.length);
    const all = candidatesOf({ ...result, logits: mean }, units, score);
    const objects: Objects[] = [];
    for (const [image, { size, scale }] of images.entries()) {
      const own = all.filter(({ region }) => regions[5 * region] === image);
      if (own.length === 0) {
        objects.push(NOTHING);
        continue;
      }
      const moved = tf.tidy(() => {
        const deltas = own.map(({ region, label }) => region * units + label);
        const before = takeRows(
          boxesOf(regions),
          4,
          own.map(({ region }) => region),
        );
        const after = decodeBoxes(before, takeRows(result.deltas, 4, deltas), deltaScales.at(-1));
        return clipBoxes(after, size);
      });
      const found = await readTensor(moved).finally(() => moved.dispose());
      const unscaled = Float32Array.from(found, (edge, i) => edge / scale[(i % 2) as 0 | 1]);
      const scores = own.map((candidate) => candidate.score);
      const groups = own.map(({ label }) => label);
      const kept = suppressed(unscaled, scores, { threshold, groups, most });
      const placed = takeBoxes(unscaled, kept);
      objects.push({
        boxes: placed,
        regions: placed.map((edge, i) => edge * scale[(i % 2) as 0 | 1]),
        scores: Float64Array.from(kept, (i) => scores[i] as number),
        labels: kept.map((i) => groups[i] as number),
      });
    }
    return objects;
  } finally {
    result.deltas.dispose();
  }
}

/**
 * Probabilities of masks of objects, as mmdetection's `CascadeRoIHead.simple_test_mask` computes them: the mean of
 * all mask heads' probabilities of each object's class.
 *
 * @param objects of each image of the batch
 * @returns for each image `[objects, side, side]`, of twice as many rows as `maskBins`
 */
export async function maskGrids(
  parts: DetectorParts,
  maps: readonly tf.Tensor[],
  objects: readonly Objects[],
): Promise<Float32Array[]> {
  const regions = toRegions(objects.map((own) => own.regions));
  if (regions.length === 0) return objects.map(() => new Float32Array(0));
  const { heads } = parts;
  const { units, maskBins, deltaScales } = heads;
  const places = (2 * maskBins) ** 2;
  const labels = objects.flatMap((own) => Array.from(own.labels));
  const taken = labels.flatMap((label, i) =>
    Array.from({ length: places }, (_, place) => (i * places + place) * units + label),
  );
  const mean = tf.tidy(() => {
    const features = regionFeatures(parts, maps, regions, maskBins);
    const each = deltaScales.map((_, k) =>
      tf.tidy(() => tf.sigmoid(takeRows(heads.masks(k, features), 1, taken))),
    );
    return tf.div(tf.addN(each), each.length);
  });
  const values = await readTensor(mean).finally(() => mean.dispose());
  let at = 0;
  return objects.map(({ labels: own }) => {
    const start = at;
    at += own.length * places;
    return Float32Array.from(values.subarray(start, at));
  });
}
