/** Non-maximum suppression: of boxes that overlap, the one with the best score. */
import { requireArgument, requireInteger, requireRanges } from '../../common/arguments';
import { type BoxList, overlapOf, requireBoxes, requireCount } from './box_list';

const OWNER = 'suppressed';

/** How to suppress. */
export interface SuppressionOptions {
  /** A box goes when its overlap with a better one that stays is **above** this, from 0 to 1. */
  threshold: number;
  /** A number for each box: only boxes of one group suppress each other. Default: all are of one. */
  groups?: ArrayLike<number>;
  /** How many boxes to keep at most. Default: all. */
  most?: number;
}

/** Places of scores, the best first; of equal ones the first. */
export function byScore(scores: ArrayLike<number>): Int32Array {
  const places = new Int32Array(scores.length);
  for (let i = 0; i < places.length; i++) places[i] = i;
  return places.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
}

/**
 * Greedy non-maximum suppression within groups, as torchvision and mmdetection do it: from the best score
 * down (of equal ones the first), a box stays unless its overlap (intersection over union) with one of its
 * group that stays is above the threshold.
 *
 * tfjs's own `tf.image.nonMaxSuppressionAsync` is none of this: it drops a box whose overlap *equals* the
 * threshold, knows no groups, and compares in float32. This runs on numbers that have been read, in double
 * precision, so that every backend decides alike.
 *
 * @param boxes any number of boxes
 * @param scores one for each
 * @returns places of those that stay, the best first
 * @throws {Error} when lists do not fit each other, numbers are not finite, or an option is out of range
 */
export function suppressed(
  boxes: BoxList,
  scores: ArrayLike<number>,
  { threshold, groups, most = Infinity }: SuppressionOptions,
): Int32Array {
  const count = requireBoxes(OWNER, 'boxes', boxes);
  requireCount(OWNER, 'scores', scores, count);
  if (groups !== undefined) requireCount(OWNER, 'groups', groups, count);
  for (let i = 0; i < count; i++) {
    if (Number.isFinite(scores[i])) continue;
    requireArgument(OWNER, `score ${i}`, scores[i], false, 'a finite number');
  }
  requireRanges(OWNER, [['threshold', threshold, threshold >= 0 && threshold <= 1, 'from 0 to 1']]);
  if (most !== Infinity) requireInteger(OWNER, 'most', most, 0);
  const keptOf = new Map<number, number[]>();
  const kept: number[] = [];
  for (const i of byScore(scores)) {
    if (kept.length >= most) break;
    const group = groups?.[i] ?? 0;
    const rivals = keptOf.get(group) ?? [];
    if (rivals.some((j) => overlapOf(boxes, i, boxes, j) > threshold)) continue;
    keptOf.set(group, rivals);
    rivals.push(i);
    kept.push(i);
  }
  return Int32Array.from(kept);
}
