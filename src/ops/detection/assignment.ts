/** Which object each box is of, in training: by overlap, and a choice of the boxes by chance. */
import { requireInteger, requireRanges } from '../../common/arguments';
import { type BoxList, overlapOf, requireBoxes } from './box_list';

/** From which overlap on a box is of an object. */
export interface AssignmentRules {
  /** From this overlap on. */
  positive: number;
  /** Below this overlap a box is background. */
  negative: number;
  /**
   * An object takes the boxes that overlap most with it, whatever else they are of, where that overlap is at
   * least this. Default: it does not.
   */
  lowQuality?: number;
}

/** What boxes are of. */
export interface Assignment {
  /** For each box: -1 neither, 0 background, else the number of its object plus 1. */
  readonly assigned: Int32Array;
  /** Largest overlap of each box with an object. */
  readonly overlaps: Float64Array;
}

/**
 * Assigns boxes to objects (Ren et al. 2015, arXiv 1506.01497, section 3.1.2), as mmdetection's
 * `MaxIoUAssigner` does: by the largest overlap, of equal ones the first object's. With `lowQuality`, objects in
 * their order then take **every** box whose overlap equals the largest with it. In double precision.
 *
 * @param boxes any number of boxes
 * @param truths the objects' boxes; without any, all are background
 * @throws {Error} when boxes are not finite, or a rule is not from 0 to 1, or `negative` is above `positive`
 */
export function assignBoxes(
  boxes: BoxList,
  truths: BoxList,
  { positive, negative, lowQuality }: AssignmentRules,
): Assignment {
  const owner = 'assignBoxes';
  const count = requireBoxes(owner, 'boxes', boxes);
  const objects = requireBoxes(owner, 'truths', truths);
  const isShare = (value: number) => value >= 0 && value <= 1;
  requireRanges(owner, [
    ['positive', positive, isShare(positive), 'from 0 to 1'],
    ['negative', negative, isShare(negative) && negative <= positive, 'from 0 to positive'],
    ['lowQuality', lowQuality ?? 0, isShare(lowQuality ?? 0), 'from 0 to 1'],
  ]);
  const overlaps = new Float64Array(count);
  const assigned = new Int32Array(count);
  if (objects === 0) return { assigned, overlaps };
  const best = new Int32Array(count);
  for (let g = 0; g < objects; g++) {
    for (let i = 0; i < count; i++) {
      const overlap = overlapOf(truths, g, boxes, i);
      if (g > 0 && overlap <= (overlaps[i] as number)) continue;
      overlaps[i] = overlap;
      best[i] = g;
    }
  }
  for (let i = 0; i < count; i++) {
    const overlap = overlaps[i] as number;
    if (overlap >= positive) assigned[i] = (best[i] as number) + 1;
    else assigned[i] = overlap < negative ? 0 : -1;
  }
  if (lowQuality !== undefined) takeBest(boxes, truths, lowQuality, assigned);
  return { assigned, overlaps };
}

/** Gives each object the boxes that overlap most with it. */
function takeBest(boxes: BoxList, truths: BoxList, least: number, assigned: Int32Array): void {
  const count = assigned.length;
  const overlaps = new Float64Array(count);
  for (let g = 0; g < truths.length / 4; g++) {
    let most = 0;
    for (let i = 0; i < count; i++) {
      const overlap = overlapOf(truths, g, boxes, i);
      overlaps[i] = overlap;
      if (overlap > most) most = overlap;
    }
    if (count === 0 || most < least) continue;
    for (let i = 0; i < count; i++) if (overlaps[i] === most) assigned[i] = g + 1;
  }
}

/** How many boxes to learn from. */
export interface SamplingRules {
  /** Number of boxes at most, of objects and of background together. */
  count: number;
  /** Share of these that may be of objects, from 0 to 1. */
  positiveShare: number;
}

/** Boxes to learn from, by their numbers, rising. */
export interface BoxSamples {
  readonly positive: Int32Array;
  readonly negative: Int32Array;
}

/**
 * Chooses boxes by chance: at most `count * positiveShare` (rounded down) of objects, and of background as many
 * as there is room for, as mmdetection's `RandomSampler` does.
 *
 * @param assigned as `assignBoxes` gives it
 * @param random numbers in [0, 1); the same ones choose the same
 * @throws {Error} when a rule is out of range
 */
export function sampleBoxes(
  assigned: ArrayLike<number>,
  { count, positiveShare }: SamplingRules,
  random: () => number,
): BoxSamples {
  const owner = 'sampleBoxes';
  requireInteger(owner, 'count', count, 0);
  const fits = positiveShare >= 0 && positiveShare <= 1;
  requireRanges(owner, [['positiveShare', positiveShare, fits, 'from 0 to 1']]);
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let i = 0; i < assigned.length; i++) {
    const object = assigned[i] as number;
    if (object > 0) positives.push(i);
    else if (object === 0) negatives.push(i);
  }
  const positive = chosen(positives, Math.floor(count * positiveShare), random);
  return { positive, negative: chosen(negatives, count - positive.length, random) };
}

/** At most `most` of a list by chance, rising. */
function chosen(list: number[], most: number, random: () => number): Int32Array {
  if (list.length <= most) return Int32Array.from(list);
  // The first places of a shuffle (Fisher and Yates).
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor(random() * (list.length - i));
    [list[i], list[j]] = [list[j] as number, list[i] as number];
  }
  return Int32Array.from(list.slice(0, most)).sort();
}
