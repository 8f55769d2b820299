/** Losses and gradients of a detector: forward part by part, with decisions in between, and back. */
import * as tf from '@tensorflow/tfjs-core';

import { joinedBoxes, takeBoxes } from '../ops/detection/box_list';
import { linearize, type Linearized } from '../ops/engine/linearize';
import { readTensor } from '../ops/engine/lost_backend';
import { accumulate } from '../ops/engine/tensors';
import { bestClass, movedRegions, toRegions } from './cascade';
import { headLosses, proposalLosses } from './detection_losses';
import type { ImageObjects } from './detection_objects';
import {
  type AnchorTargets,
  anchorTargets,
  type ChooseSamples,
  type DetectionTraining,
  type RegionTargets,
  regionTargets,
} from './detection_targets';
import { anchorsOf, type DetectorParts, type FirstOutputs, firstOutputs } from './detector_parts';
import { type Proposals, proposalsOf, requireFinite } from './proposals';

/** What a step is about. */
export interface DetectionBatch {
  /** Images of one padded size, `[batch, height, width, channels]`, as the model takes them. */
  readonly x: tf.Tensor;
  /** The objects of each. */
  readonly objects: readonly ImageObjects[];
}

/** What a step has decided and computed, for whoever looks on; its tensors live until the call returns. */
export interface TrainingWatch {
  onAnchors?(targets: readonly AnchorTargets[], outputs: FirstOutputs): void;
  onProposals?(proposals: readonly Proposals[]): void;
  /** `losses` are logits, deltas, losses of classes, boxes and masks, and logits of masks where there are any. */
  onHead?(head: number, targets: readonly RegionTargets[], losses: readonly tf.Tensor[]): void;
}

/** Losses by their names in mmdetection, weights of the heads included. */
export interface DetectionLosses {
  /** Sum of all. */
  loss: number;
  /** Of each level. */
  objectness: number[];
  anchorDeltas: number[];
  /** Of each head. */
  classes: number[];
  boxes: number[];
  masks: number[];
}

/** A seeded draw: runs a synchronous function with the random numbers of a part of the step. */
export type WithDraws = <T>(part: number, fn: () => T) => T;

/**
 * Losses of a batch and the gradients of tensors, as mmdetection's `CascadeRCNN.forward_train` computes them: of the
 * anchors; then of each head, on the proposals, which the head before has moved, and the objects' own boxes. Boxes and
 * choices have no gradient. Values are read when the device has them; what a head has kept is freed before the next
 * one runs.
 *
 * @param xs variables, and what else gradients are wanted of
 * @param draws for stochastic depth and dropout
 * @returns losses, and a gradient for each of `xs`, null where nothing depends on it; the caller's
 */
export async function detectionGradients(
  parts: DetectorParts,
  { x, objects }: DetectionBatch,
  xs: readonly tf.Tensor[],
  training: DetectionTraining,
  choose: ChooseSamples,
  draws: WithDraws,
  watch: TrainingWatch = {},
): Promise<{ losses: DetectionLosses; gradients: (tf.Tensor | null)[] }> {
  const first = draws(0, () =>
    linearize(() => {
      const { maps, objectness, deltas } = firstOutputs(parts, x, true);
      return [...maps, ...objectness, ...deltas];
    }, xs),
  );
  const outputs = splitOutputs(first, parts);
  const gradients: (tf.Tensor | null)[] = xs.map(() => null);
  const dFirst: (tf.Tensor | null)[] = first.outputs.map(() => null);
  try {
    const found = await anchorStep(outputs, objects, parts, training, choose, dFirst, watch);
    const heads = await headSteps(parts, outputs, objects, xs, training, choose, draws, watch, {
      gradients,
      dFirst,
    });
    addUp(first.pullBack(dFirst), (i) => [gradients, i]);
    const all = [...found.objectness, ...found.anchorDeltas, ...Object.values(heads).flat()];
    const loss = all.reduce((a: number, b: number) => a + b, 0);
    return { losses: { loss, ...found, ...heads }, gradients };
  } catch (error) {
    tf.dispose(gradients.filter((gradient) => gradient !== null));
    throw error;
  } finally {
    first.dispose();
    tf.dispose([...first.outputs, ...dFirst.filter((dy) => dy !== null)]);
  }
}

function splitOutputs({ outputs }: Linearized, { proposals }: DetectorParts): FirstOutputs {
  const count = proposals.strides.length;
  return {
    maps: outputs.slice(0, count),
    objectness: outputs.slice(count, 2 * count),
    deltas: outputs.slice(2 * count),
  };
}

/** Walks a step back from scalars, all with the same gradient. */
function pulledBack(
  step: Linearized,
  dysOf: (dy: tf.Scalar) => (tf.Tensor | null)[],
  value: number,
): (tf.Tensor | null)[] {
  const dy = tf.scalar(value);
  try {
    return step.pullBack(dysOf(dy));
  } finally {
    dy.dispose();
  }
}

/** Adds gradients to what is at their places; takes ownership of all of them. */
function addUp(
  gradients: readonly (tf.Tensor | null)[],
  placeOf: (i: number) => readonly [slots: (tf.Tensor | null)[], at: number],
): void {
  const left = new Set(gradients);
  try {
    gradients.forEach((gradient, i) => {
      if (gradient) accumulate(...placeOf(i), gradient);
      left.delete(gradient);
    });
  } catch (error) {
    tf.dispose([...left].filter((gradient) => gradient !== null));
    throw error;
  }
}

/** Values of scalars. */
async function scalars(list: readonly tf.Tensor[]): Promise<number[]> {
  const values = await Promise.all(list.map(readTensor));
  return values.map(([value]) => value as number);
}

/** Losses of the anchors, and the gradients of the first part's outputs. */
async function anchorStep(
  outputs: FirstOutputs,
  objects: readonly ImageObjects[],
  parts: DetectorParts,
  training: DetectionTraining,
  choose: ChooseSamples,
  dFirst: (tf.Tensor | null)[],
  watch: TrainingWatch,
): Promise<Pick<DetectionLosses, 'objectness' | 'anchorDeltas'>> {
  const all = joinedBoxes(anchorsOf(parts, outputs));
  const targets = objects.map((own, image) =>
    anchorTargets(all, own, training, choose, [0, image]),
  );
  watch.onAnchors?.(targets, outputs);
  const { maps, objectness, deltas } = outputs;
  const step = linearize(() => {
    const losses = proposalLosses(outputs, targets, training);
    return [...losses.objectness, ...losses.deltas];
  }, [...objectness, ...deltas]);
  try {
    const own = pulledBack(step, (one) => step.outputs.map(() => one), 1);
    addUp(own, (i) => [dFirst, maps.length + i]);
    const values = await scalars(step.outputs);
    requireFinite(values, 'losses of anchors');
    const levels = objectness.length;
    return { objectness: values.slice(0, levels), anchorDeltas: values.slice(levels) };
  } finally {
    step.dispose();
    tf.dispose([...step.outputs]);
  }
}

/** Where gradients are added up. */
interface Sums {
  readonly gradients: (tf.Tensor | null)[];
  /** Of the first part's outputs, whose first ones are the maps. */
  readonly dFirst: (tf.Tensor | null)[];
}

/** Losses of all heads. */
async function headSteps(
  parts: DetectorParts,
  outputs: FirstOutputs,
  objects: readonly ImageObjects[],
  xs: readonly tf.Tensor[],
  training: DetectionTraining,
  choose: ChooseSamples,
  draws: WithDraws,
  watch: TrainingWatch,
  sums: Sums,
): Promise<Pick<DetectionLosses, 'classes' | 'boxes' | 'masks'>> {
  const { units, maskBins, deltaScales } = parts.heads;
  const sizes = objects.map(({ size }) => size);
  const anchors = anchorsOf(parts, outputs);
  const proposals = await proposalsOf(outputs, anchors, sizes, training.proposals);
  watch.onProposals?.(proposals);
  let boxes = proposals.map((own) => own.boxes);
  const losses: Pick<DetectionLosses, 'classes' | 'boxes' | 'masks'> = {
    classes: [],
    boxes: [],
    masks: [],
  };
  for (const [head, scales] of deltaScales.entries()) {
    const targets = objects.map((own, image) =>
      regionTargets(
        boxes[image] as Float32Array,
        own,
        training.overlaps[head] as number,
        training.regionSamples,
        choose,
        [1 + head, image],
        { units, side: 2 * maskBins },
      ),
    );
    const count = targets.reduce((sum, { labels }) => sum + labels.length, 0);
    if (count === 0) {
      // Neither objects nor proposals: nothing to learn from, and nothing to move.
      for (const list of Object.values(losses) as number[][]) list.push(0);
      continue;
    }
    const step = draws(1 + head, () =>
      linearize(() => {
        const own = headLosses(parts, outputs.maps, head, targets, training);
        const { logits, deltas, classes, boxes: ofBoxes, masks, maskLogits } = own;
        return [logits, deltas, classes, ofBoxes, masks, ...(maskLogits ? [maskLogits] : [])];
      }, [...outputs.maps, ...xs]),
    );
    try {
      watch.onHead?.(head, targets, step.outputs);
      const weight = training.headWeights[head] as number;
      const own = pulledBack(step, (dy) => [null, null, dy, dy, dy], weight);
      const maps = outputs.maps.length;
      addUp(own, (i) => (i < maps ? [sums.dFirst, i] : [sums.gradients, i - maps]));
      const values = await scalars(step.outputs.slice(2, 5));
      requireFinite(values, `losses of head ${head}`);
      const [classes, ofBoxes, masks] = values;
      losses.classes.push(weight * (classes as number));
      losses.boxes.push(weight * (ofBoxes as number));
      losses.masks.push(weight * (masks as number));
      if (head === deltaScales.length - 1) break;
      boxes = await nextBoxes(targets, step.outputs, scales, sizes, units);
    } finally {
      step.dispose();
      tf.dispose([...step.outputs]);
    }
  }
  return losses;
}

/**
 * Regions of each image, moved by a head: those of objects by the deltas of their class, others by those of the class
 * that the head thinks best. Objects' own boxes are left out: the next head gets them anew.
 */
async function nextBoxes(
  targets: readonly RegionTargets[],
  [logits, deltas]: readonly tf.Tensor[],
  scales: Parameters<typeof movedRegions>[3],
  sizes: Parameters<typeof movedRegions>[4],
  units: number,
): Promise<Float32Array[]> {
  const values = await readTensor(logits as tf.Tensor);
  requireFinite(values, 'logits of classes');
  const labels = targets.flatMap((own) => Array.from(own.labels));
  const classes = labels.map((label, i) =>
    label < units ? label : bestClass(values, i * (units + 1), units),
  );
  const regions = toRegions(targets.map(({ boxes }) => boxes));
  const moved = await movedRegions(regions, classes, deltas as tf.Tensor, scales, sizes);
  return moved.map((boxes, image) => {
    const { isTruth } = targets[image] as RegionTargets;
    const kept = isTruth.flatMap((truth, i) => (truth ? [] : [i]));
    return takeBoxes(boxes, kept);
  });
}
