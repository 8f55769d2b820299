/** One step of training a detector. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireList, requireRanges, show } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { sampleBoxes } from '../ops/detection/assignment';
import { requireBackend } from '../ops/engine/lost_backend';
import { drawSeed, seededRandom, withSeededRandom } from '../ops/engine/random';
import { HeldWeights } from '../training/held_weights';
import { distinctVariables } from '../training/model_variables';
import { applied, isFused } from '../training/step_parts';
import { requireStepSeed, seedOfStep } from '../training/step_seed';
import type { TrainingStepOptions } from '../training/training_step';
import {
  detectionGradients,
  type DetectionLosses,
  type TrainingWatch,
} from './detection_gradients';
import { type ImageObjects, requireObjects } from './detection_objects';
import type { DetectionTraining } from './detection_targets';
import { detectionTraining } from './detection_training';
import { type DetectorParts, detectorParts } from './detector_parts';

const OWNER = 'detectionStep';

/** Options of `detectionStep`. */
export interface DetectionStepOptions extends TrainingStepOptions {
  /**
   * How anchors and regions are assigned, chosen and weighed. Default: the published settings, of a cascade of three
   * heads; for another number give `overlaps` and `headWeights`.
   */
  training?: Partial<DetectionTraining>;
}

const OPTIONS: OptionNames<DetectionStepOptions> = { clipNorm: true, seed: true, training: true };

/**
 * One step of training a detector, as mmdetection trains a Cascade Mask R-CNN: losses of anchors and of all heads,
 * their gradients, clipping, update. What the heads see is decided by what the parts before them gave, so that the
 * step reads values in between, when the device has them: it is a promise, and `model.fit` cannot train detectors. The
 * step is not to be begun before the one before has ended.
 *
 * What a head has kept for its way back is freed before the next one runs; the backbone is walked back last, in
 * reversible mode without stored activations.
 *
 * @param model a detector, such as `createModel('cascade_mask_rcnn_revcol_tiny.coco')`
 * @param images `[batch, height, width, channels]`, as the model takes them, each padded behind its right and lower
 *   edges to one size, a multiple of the largest stride (32); they stay the caller's
 * @param objects of each image: its size without padding, and boxes, labels and masks of the objects in it; there may be
 *   none
 * @returns losses before the step, weights of the heads included
 * @throws {Error} when the model is no detector, has no trainable weight or has regularizers, images and objects do not fit each other (a
 *   mask of another size, a box outside of its image, a label that is no class), an option is out of range, or the optimizer is fused;
 *   or a value is not finite
 * @throws {BackendLostError} when the backend has lost its device
 * After any failure all weights are as they were, running statistics included; where it was the update that failed, the
 * optimizer may have moments of the step.
 *
 * @example
 * const { loss } = await detectionStep(model, optimizer, images, [
 *   { size: [480, 640], boxes: [10, 20, 200, 220], labels: [0], masks: [mask] },
 * ], { seed: [7, step] });
 */
export async function detectionStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  images: tf.Tensor,
  objects: readonly ImageObjects[],
  options: DetectionStepOptions = {},
): Promise<DetectionLosses> {
  return watchedDetectionStep(model, optimizer, images, objects, options);
}

/** `detectionStep`, for who wants to look on as well. */
export async function watchedDetectionStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  images: tf.Tensor,
  objects: readonly ImageObjects[],
  options: DetectionStepOptions,
  watch: TrainingWatch = {},
): Promise<DetectionLosses> {
  requireOptions(OWNER, options, OPTIONS);
  const { clipNorm, seed } = options;
  const parts = detectorParts(OWNER, model);
  const training = detectionTraining(OWNER, options.training ?? {}, parts.heads.deltaScales.length);
  const isOptimizer = typeof (optimizer as Partial<tf.Optimizer>)?.applyGradients === 'function';
  requireArgument(OWNER, 'optimizer', optimizer, isOptimizer, 'one such as tf.train.sgd(0.1)');
  if (isFused(optimizer)) {
    throw new Error(
      `${OWNER}: the optimizer is fused: it updates weights while the loss is walked back at once, which goes part ` +
        'by part here; make it with fused: false',
    );
  }
  if (clipNorm !== undefined) {
    requireRanges(OWNER, [['clipNorm', clipNorm, clipNorm > 0, 'above 0']]);
  }
  requireStepSeed(OWNER, seed);
  requireBatch(parts, images, objects);
  requireBackend();
  const variables = distinctVariables(model.trainableWeights);
  if (variables.length === 0) {
    throw new Error(`${OWNER}: ${model.name} has no trainable weight; set trainable = true`);
  }
  const penalties = tf.tidy(() => model.calculateLosses().length);
  if (penalties > 0) {
    throw new Error(
      `${OWNER}: ${model.name} has ${penalties} regularizers, which this step does not add; leave them out, and give ` +
        'the optimizer weightDecay',
    );
  }
  const numbers = seed ?? [drawSeed(), drawSeed()];
  const held = new HeldWeights(model.weights);
  try {
    const { losses, gradients } = await detectionGradients(
      parts,
      { x: images, objects },
      variables,
      training,
      (assigned, rules, place) =>
        sampleBoxes(assigned, rules, seededRandom(seedOfStep([...numbers, 1, ...place]))),
      (part, fn) => withSeededRandom(seedOfStep([...numbers, 0, part]), fn),
      watch,
    );
    try {
      tf.tidy(() =>
        applied(
          optimizer,
          variables.map(({ name }, i) => ({ name, tensor: gradients[i] ?? null })),
          clipNorm,
        ),
      );
    } finally {
      tf.dispose(gradients.filter((gradient) => gradient !== null));
    }
    return losses;
  } catch (error) {
    held.restore();
    throw error;
  } finally {
    held.dispose();
  }
}

function requireBatch(
  { multiple, heads, first }: DetectorParts,
  images: tf.Tensor,
  objects: readonly ImageObjects[],
): void {
  const isImages = images instanceof tf.Tensor && images.rank === 4 && !images.shape.includes(0);
  requireArgument(OWNER, 'images', images, isImages, 'a tensor [batch, height, width, channels]');
  const [batch, height, width] = images.shape as [number, number, number, number];
  if (height % multiple !== 0 || width % multiple !== 0) {
    throw new Error(
      `${OWNER}: images are ${show(images.shape)}; expected sides that are multiples of ${multiple}: pad them behind ` +
        'the right and lower edges',
    );
  }
  const [, h, w] = first.inputs[0]?.shape as tfl.Shape;
  if ((h ?? height) !== height || (w ?? width) !== width) {
    throw new Error(
      `${OWNER}: images are ${show(images.shape)}, the model takes ${show([h ?? null, w ?? null])}`,
    );
  }
  requireList(OWNER, 'objects', objects, 'those of each image');
  if (objects.length !== batch) {
    throw new Error(
      `${OWNER}: objects of ${objects.length} images for a batch of ${batch}; expected one of each`,
    );
  }
  objects.forEach((own, i) => {
    requireObjects(OWNER, i, own, heads.units, [height, width]);
  });
}
