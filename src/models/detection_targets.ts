/** What a detector learns from the objects of pictures: which anchors and regions are of which object. */
import {
  assignBoxes,
  type AssignmentRules,
  type BoxSamples,
  type SamplingRules,
} from '../ops/detection/assignment';
import { joinedBoxes, takeBoxes } from '../ops/detection/box_list';
import { maskTargets } from '../ops/detection/masks';
import type { ImageObjects } from './detection_objects';
import { PROPOSALS, type ProposalSettings } from './proposals';

/** How a detector is trained. */
export interface DetectionTraining {
  readonly proposals: ProposalSettings;
  /** From which overlap on an anchor is of an object. */
  readonly anchors: AssignmentRules;
  /** How many anchors of an image count. */
  readonly anchorSamples: SamplingRules;
  /** From which overlap on a region is of an object, of each head. */
  readonly overlaps: readonly number[];
  /** How many regions of an image count, for each head. */
  readonly regionSamples: SamplingRules;
  /** By how much the losses of each head count. */
  readonly headWeights: readonly number[];
  /** Distance below which the loss of an anchor's deltas is a square. */
  readonly beta: number;
  /** By how much the loss of boxes counts beside that of classes. */
  readonly boxWeight: number;
}

/** The published settings. */
export const DETECTION_TRAINING: DetectionTraining = {
  proposals: { ...PROPOSALS, perLevel: 2000, most: 2000 },
  anchors: { positive: 0.7, negative: 0.3, lowQuality: 0.3 },
  anchorSamples: { count: 256, positiveShare: 0.5 },
  overlaps: [0.5, 0.6, 0.7],
  regionSamples: { count: 512, positiveShare: 0.25 },
  headWeights: [1, 0.5, 0.25],
  beta: 1 / 9,
  boxWeight: 10,
};

/** Chooses among boxes that have been assigned; `place` tells the choices of a step apart. */
export type ChooseSamples = (
  assigned: Int32Array,
  rules: SamplingRules,
  place: readonly number[],
) => BoxSamples;

/** Anchors that count in an image, by their numbers among those of all levels. */
export interface AnchorTargets extends BoxSamples {
  readonly assigned: Int32Array;
  /** Anchors and objects' boxes of the positive ones. */
  readonly anchors: Float32Array;
  readonly truths: Float32Array;
}

/** Assigns the anchors that are inside of an image, and chooses among them. */
export function anchorTargets(
  all: Float32Array,
  { size: [height, width], boxes }: ImageObjects,
  { anchors: rules, anchorSamples }: DetectionTraining,
  choose: ChooseSamples,
  place: readonly number[],
): AnchorTargets {
  const inside: number[] = [];
  for (let i = 0; i < all.length; i += 4) {
    const reachesOut = (all[i] as number) < 0 || (all[i + 1] as number) < 0;
    if (reachesOut || !((all[i + 2] as number) < width && (all[i + 3] as number) < height))
      continue;
    inside.push(i / 4);
  }
  const assigned = new Int32Array(all.length / 4).fill(-1);
  assignBoxes(takeBoxes(all, inside), boxes, rules).assigned.forEach((value, i) => {
    assigned[inside[i] as number] = value;
  });
  const { positive, negative } = choose(assigned, anchorSamples, place);
  const objects = positive.map((i) => (assigned[i] as number) - 1);
  return {
    assigned,
    positive,
    negative,
    anchors: takeBoxes(all, positive),
    truths: takeBoxes(boxes, objects),
  };
}

/** Regions of an image that a head learns from: the positive ones first. */
export interface RegionTargets extends BoxSamples {
  readonly assigned: Int32Array;
  /** Of the positive ones, then of the negative ones. */
  readonly boxes: Float32Array;
  /** Class of each; the number of classes for the background. */
  readonly labels: Int32Array;
  /** Whether each is an object's own box. */
  readonly isTruth: readonly boolean[];
  /** Of the positive ones: boxes of their objects. */
  readonly truths: Float32Array;
  /** Of the positive ones: `[side, side]` each, 0 or 1. */
  readonly masks: Uint8Array;
}

/**
 * Assigns the proposals of an image, puts the objects' own boxes in front of them, and chooses.
 *
 * @param overlap from which on a proposal is of an object
 * @param units number of classes
 * @param side of the masks
 */
export function regionTargets(
  proposals: Float32Array,
  { boxes, labels, masks }: ImageObjects,
  overlap: number,
  rules: SamplingRules,
  choose: ChooseSamples,
  place: readonly number[],
  { units, side }: { units: number; side: number },
): RegionTargets {
  const own = assignBoxes(proposals, boxes, { positive: overlap, negative: overlap }).assigned;
  const count = boxes.length / 4;
  const assigned = Int32Array.from({ length: count + own.length }, (_, i) =>
    i < count ? i + 1 : (own[i - count] as number),
  );
  const all = joinedBoxes([Float32Array.from(boxes), proposals]);
  const { positive, negative } = choose(assigned, rules, place);
  const objects = positive.map((i) => (assigned[i] as number) - 1);
  const taken = takeBoxes(all, positive);
  return {
    assigned,
    positive,
    negative,
    boxes: joinedBoxes([taken, takeBoxes(all, negative)]),
    labels: Int32Array.from([
      ...Array.from(objects, (object) => labels[object] as number),
      ...Array.from(negative, () => units),
    ]),
    isTruth: [...positive, ...negative].map((i) => i < count),
    truths: takeBoxes(boxes, objects),
    masks: maskTargets(masks, taken, objects, side),
  };
}
