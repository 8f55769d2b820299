/** Proposals: the anchors of an image that look most like objects, moved to where those seem to be. */
import * as tf from '@tensorflow/tfjs-core';

import { clipBoxes, decodeBoxes } from '../ops/detection/box_deltas';
import { boxAt, type ImageSize, joinedBoxes, takeBoxes } from '../ops/detection/box_list';
import { byScore, suppressed } from '../ops/detection/nms';
import { readTensor } from '../ops/engine/lost_backend';
import type { FirstOutputs } from './detector_parts';

/** How proposals are chosen. */
export interface ProposalSettings {
  /** Anchors of each level that are looked at: the best. */
  readonly perLevel: number;
  /** Proposals of an image at most. */
  readonly most: number;
  /** Of a level's proposals with a larger overlap than this the best stays. */
  readonly threshold: number;
  /** Narrower and lower boxes, and those of just this side, are left out, in pixels. */
  readonly leastSide: number;
}

/** The published settings of inference. */
export const PROPOSALS: ProposalSettings = {
  perLevel: 1000,
  most: 1000,
  threshold: 0.7,
  leastSide: 0,
};

/** Proposals of an image, the best first. */
export interface Proposals {
  readonly boxes: Float32Array;
  readonly scores: Float64Array;
  /** The level that each is of. */
  readonly levels: Int32Array;
}

/** What was read of the first part. */
interface ReadOutputs {
  readonly objectness: tf.TypedArray[];
  readonly deltas: tf.TypedArray[];
  readonly batch: number;
}

async function readOutputs({ objectness, deltas }: FirstOutputs): Promise<ReadOutputs> {
  const read = {
    objectness: await Promise.all(objectness.map(readTensor)),
    deltas: await Promise.all(deltas.map(readTensor)),
    batch: objectness[0]?.shape[0] as number,
  };
  for (const values of [...read.objectness, ...read.deltas]) requireFinite(values, 'proposals');
  return read;
}

/** What a detector gives is no finite number. */
export class NotFiniteError extends Error {
  constructor(
    what: string,
    readonly value: number,
  ) {
    super(
      `the detector gives ${what} that are not finite (${value}); check the images, and what training has made of ` +
        'the weights',
    );
  }
}

/**
 * Asserts that what a detector gives are numbers: of others nothing can be decided.
 *
 * @throws {NotFiniteError} when a value is infinite or none
 */
export function requireFinite(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new NotFiniteError(what, values[i] as number);
  }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Places of the best `most` scores, best first; of equal ones the first. */
function bestOf(scores: Float64Array, most: number): Int32Array {
  if (scores.length <= most) return byScore(scores);
  // Sorting numbers alone is far faster than sorting places.
  const least = Float64Array.from(scores).sort()[scores.length - most] as number;
  const places = Array.from({ length: scores.length }, (_, i) => i);
  const above = places.filter((i) => (scores[i] as number) >= least);
  const order = byScore(above.map((i) => scores[i] as number)).slice(0, most);
  return order.map((k) => above[k] as number);
}

/** The best anchors of all levels of an image, one behind the other. */
function candidates(
  { objectness, deltas, batch }: ReadOutputs,
  anchors: readonly Float32Array[],
  image: number,
  perLevel: number,
) {
  const own = (values: tf.TypedArray) => {
    const size = values.length / batch;
    return values.subarray(image * size, (image + 1) * size);
  };
  return objectness.map((logits, level) => {
    const scores = Float64Array.from(own(logits), sigmoid);
    const places = bestOf(scores, perLevel);
    return {
      boxes: takeBoxes(anchors[level] as Float32Array, places),
      deltas: takeBoxes(own(deltas[level] as tf.TypedArray), places),
      scores: Float64Array.from(places, (i) => scores[i] as number),
      level,
    };
  });
}

/** Lists of four numbers one behind the other, `[n, 4]`. */
function boxTensor(parts: readonly Float32Array[]): tf.Tensor2D {
  const all = joinedBoxes(parts);
  return tf.tensor2d(all, [all.length / 4, 4]);
}

/**
 * Proposals of each image of a batch (Ren et al. 2015, arXiv 1506.01497, section 3), as mmdetection's
 * `RPNHead.get_bboxes` chooses them: of each level the best anchors, moved by their deltas and clipped, without
 * those that are then too small; of those of a level that overlap the best; of all levels the best. Values are
 * read when the device has them.
 *
 * @param sizes height and width of each image, without its padding, in pixels
 * @throws {Error} when the network gave values that are not finite
 */
export async function proposalsOf(
  outputs: FirstOutputs,
  anchors: readonly Float32Array[],
  sizes: readonly ImageSize[],
  { perLevel, most, threshold, leastSide }: ProposalSettings,
): Promise<Proposals[]> {
  const read = await readOutputs(outputs);
  const looked = sizes.map((_, image) => candidates(read, anchors, image, perLevel));
  // The boxes of all images at once: a read for each would wait for the device each time.
  const moved = tf.tidy(() => {
    const all = looked.flat();
    const after = decodeBoxes(
      boxTensor(all.map(({ boxes }) => boxes)),
      boxTensor(all.map(({ deltas }) => deltas)),
    );
    const counts = looked.map((levels) =>
      levels.reduce((sum, { scores }) => sum + scores.length, 0),
    );
    return tf.concat(
      tf.split(after, counts).map((own, image) => clipBoxes(own, sizes[image] as ImageSize)),
    );
  });
  const values = await readTensor(moved).finally(() => moved.dispose());
  let start = 0;
  return looked.map((levels) => {
    const scores = levels.flatMap((level) => Array.from(level.scores));
    const groups = levels.flatMap(({ level, scores: own }) => Array.from(own, () => level));
    const boxes = values.subarray(start, (start += 4 * scores.length));
    const fits: number[] = [];
    for (let i = 0; i < scores.length; i++) {
      const [x1, y1, x2, y2] = boxAt(boxes, i);
      if (Math.min(x2 - x1, y2 - y1) > leastSide) fits.push(i);
    }
    const kept = suppressed(
      takeBoxes(boxes, fits),
      fits.map((i) => scores[i] as number),
      { threshold, most, groups: fits.map((i) => groups[i] as number) },
    ).map((k) => fits[k] as number);
    return {
      boxes: takeBoxes(boxes, kept),
      scores: Float64Array.from(kept, (i) => scores[i] as number),
      levels: kept.map((i) => groups[i] as number),
    };
  });
}
