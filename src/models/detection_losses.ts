/** The losses of a detector, as mmdetection computes them: tape nodes all, from what the targets say. */
import * as tf from '@tensorflow/tfjs-core';

import { addScaled } from '../ops/dense/joins';
import { decodeBoxes, encodeBoxes } from '../ops/detection/box_deltas';
import { joinedBoxes } from '../ops/detection/box_list';
import { generalizedOverlap } from '../ops/detection/box_overlap';
import { scaledSum, smoothL1, takeRows } from '../ops/detection/losses';
import { sigmoidCrossEntropy, softmaxCrossEntropy } from '../training/cross_entropy';
import { boxesOf, toRegions } from './cascade';
import type { AnchorTargets, DetectionTraining, RegionTargets } from './detection_targets';
import { type DetectorParts, type FirstOutputs, regionFeatures } from './detector_parts';

/** Boxes `[n, 4]` of a list. */
const boxTensor = (boxes: Float32Array) => tf.tensor2d(boxes, [boxes.length / 4, 4]);

/** Losses of the anchors of each level. */
export interface ProposalLosses {
  /** Of being an object: cross entropy over all samples of the batch. */
  readonly objectness: tf.Tensor[];
  /** Of the deltas: smooth L1 of the positive ones, over all samples. */
  readonly deltas: tf.Tensor[];
}

/** Numbers of samples by which the losses of anchors are divided: at least 1 of each kind in an image. */
function sampleCount(targets: readonly AnchorTargets[]): number {
  const atLeast1 = (list: Int32Array) => Math.max(1, list.length);
  return targets.reduce(
    (sum, { positive, negative }) => sum + atLeast1(positive) + atLeast1(negative),
    0,
  );
}

/** Losses of the outputs of the proposal head, one for each level. */
export function proposalLosses(
  { objectness, deltas }: Pick<FirstOutputs, 'objectness' | 'deltas'>,
  targets: readonly AnchorTargets[],
  { beta }: Pick<DetectionTraining, 'beta'>,
): ProposalLosses {
  const total = sampleCount(targets);
  const counts = objectness.map(({ shape, size }) => size / (shape[0] as number));
  const losses: ProposalLosses = { objectness: [], deltas: [] };
  let start = 0;
  for (const [level, count] of counts.entries()) {
    const first = start;
    start += count;
    // Places within the level, the images one behind the other.
    const placesOf = (image: number, anchors: Int32Array) =>
      Array.from(anchors)
        .filter((anchor) => anchor >= first && anchor < first + count)
        .map((anchor) => image * count + anchor - first);
    const positive = targets.flatMap((own, image) => placesOf(image, own.positive));
    const negative = targets.flatMap((own, image) => placesOf(image, own.negative));
    losses.objectness.push(
      anchorEntropy(objectness[level] as tf.Tensor, positive, negative, total),
    );
    if (positive.length === 0) {
      losses.deltas.push(tf.scalar(0));
      continue;
    }
    const expected = targets.map((own) => {
      const places = Array.from(own.positive.keys()).filter((i) => {
        const anchor = own.positive[i] as number;
        return anchor >= first && anchor < first + count;
      });
      const rows = (list: Float32Array) =>
        joinedBoxes(places.map((i) => list.subarray(4 * i, 4 * i + 4)));
      return { anchors: rows(own.anchors), truths: rows(own.truths) };
    });
    const join = (lists: Float32Array[]) => boxTensor(joinedBoxes(lists));
    const wanted = encodeBoxes(
      join(expected.map(({ anchors }) => anchors)),
      join(expected.map(({ truths }) => truths)),
    );
    const taken = takeRows(deltas[level] as tf.Tensor, 4, positive);
    losses.deltas.push(scaledSum(smoothL1(taken, wanted, beta), 1 / total));
  }
  return losses;
}

/** Sum of the cross entropies of samples, over `total`. */
function anchorEntropy(
  logits: tf.Tensor,
  positive: readonly number[],
  negative: readonly number[],
  total: number,
): tf.Tensor {
  const count = positive.length + negative.length;
  if (count === 0) return tf.scalar(0);
  const labels = Float32Array.from({ length: count }, (_, i) => Number(i < positive.length));
  const taken = takeRows(logits, 1, [...positive, ...negative]);
  const mean = sigmoidCrossEntropy(tf.tensor2d(labels, [count, 1]), taken);
  return scaledSum(mean, count / total);
}

/** What a head gives and loses. */
export interface HeadLosses {
  /** Logits of the classes, `[regions, classes + 1]`. */
  readonly logits: tf.Tensor;
  /** `[regions, 4 classes]`. */
  readonly deltas: tf.Tensor;
  /** Mean cross entropy of the classes. */
  readonly classes: tf.Tensor;
  /** Generalised overlap of the boxes of objects, over the number of regions. */
  readonly boxes: tf.Tensor;
  /** Mean cross entropy of the places of the masks of objects. */
  readonly masks: tf.Tensor;
  /** Logits of the objects' masks, `[objects * side * side, 1]`; null without objects. */
  readonly maskLogits: tf.Tensor | null;
}

/** Runs one of the heads on regions, and takes its losses. There must be a region. */
export function headLosses(
  parts: DetectorParts,
  maps: readonly tf.Tensor[],
  head: number,
  targets: readonly RegionTargets[],
  { boxWeight }: Pick<DetectionTraining, 'boxWeight'>,
): HeadLosses {
  const { heads } = parts;
  const { units, boxBins, maskBins, deltaScales } = heads;
  const regions = toRegions(targets.map(({ boxes }) => boxes));
  const labels = Int32Array.from(targets.flatMap((own) => Array.from(own.labels)));
  const features = regionFeatures(parts, maps, regions, boxBins);
  const [logits, deltas] = heads.boxes(head, features, { training: true });
  const classes = softmaxCrossEntropy(tf.tensor1d(labels, 'int32'), logits);
  const positive = Array.from(labels.keys()).filter((i) => (labels[i] as number) < units);
  const none = { logits, deltas, classes, maskLogits: null };
  if (positive.length === 0) return { ...none, boxes: tf.scalar(0), masks: tf.scalar(0) };
  const moved = decodeBoxes(
    takeRows(boxesOf(regions), 4, positive),
    takeRows(
      deltas,
      4,
      positive.map((i) => i * units + (labels[i] as number)),
    ),
    deltaScales[head],
  );
  const truths = boxTensor(joinedBoxes(targets.map((own) => own.truths)));
  const scale = boxWeight / labels.length;
  const overlaps = generalizedOverlap(moved, truths);
  const objects = targets.map(({ boxes, positive: own }) => boxes.subarray(0, 4 * own.length));
  const maskFeatures = regionFeatures(parts, maps, toRegions(objects), maskBins);
  const places = (2 * maskBins) ** 2;
  const taken = new Int32Array(positive.length * places);
  positive.forEach((i, k) => {
    const label = labels[i] as number;
    for (let at = k * places; at < (k + 1) * places; at++) taken[at] = at * units + label;
  });
  const maskLogits = takeRows(heads.masks(head, maskFeatures, { training: true }), 1, taken);
  const wanted = new Float32Array(taken.length);
  let at = 0;
  for (const { masks } of targets) {
    wanted.set(masks, at);
    at += masks.length;
  }
  return {
    ...none,
    boxes: scaledSum(overlaps, -scale, scale * positive.length),
    masks: sigmoidCrossEntropy(tf.tensor2d(wanted, [wanted.length, 1]), maskLogits),
    maskLogits,
  };
}

/** Sum of scalars, as tape nodes. */
export function summed(losses: readonly tf.Tensor[]): tf.Tensor {
  return losses.reduce((sum, loss) => addScaled(sum, loss));
}
