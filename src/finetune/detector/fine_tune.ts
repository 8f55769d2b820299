/** From pictures with marked objects to a trained detector. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { type ObjectSource, requireObjectSource } from '../../data/object_source';
import type { DetectorEvaluation } from '../../models/evaluate_detector';
import { completeRun, openPlaces } from '../run/complete_run';
import { factsOf, type RunFacts } from '../run/facts';
import { detectorJob } from './job';
import { divideMarked } from './marked_pictures';
import { type FineTuneDetectorOptions, requireDetectorOptions } from './options';
import { planDetector } from './plan';
import { type FineTuneDetectorModel, prepareDetector } from './prepare';

/** The best epoch of a detector. Plain JSON. */
export interface BestDetector {
  /** Average precision of the boxes in the pictures for validation, in 0..1. */
  readonly boxAP: number;
  /** From 1. */
  readonly epoch: number;
  /** Steps taken at its end. */
  readonly step: number;
}

/** What comes of fine-tuning a detector. */
export interface FineTuneDetectorResult extends RunFacts {
  /** With the best weights; the caller's. */
  model: tfl.LayersModel;
  /** Names by class, as the model numbers them; saved with it. */
  classNames: readonly string[];
  /** Of the pictures for validation, by the best weights; null where there were none. */
  evaluation: DetectorEvaluation | null;
  /** The best epoch; null where there was no validation. */
  best: BestDetector | null;
}

const OWNER = 'fineTuneDetector';

/**
 * Trains a detector on pictures with marked objects, as `fineTune` trains a classifier: the same runs, saved as they go
 * and gone on with exactly.
 *
 * Without a word more it does what the published training does: flips, several sizes, crops (`detectionTransform`);
 * steps of `detectionStep` with mmdetection's assignments, samples and losses; `AdamW` with weight decay 0.05, not of
 * alphas, biases and norms, and rates that fall from layer to layer where weights are pretrained; a rate that rises at
 * first, and falls to a tenth twice. After every epoch the average precision of boxes and masks in the pictures for
 * validation is taken; the best weights are those with the best boxes.
 *
 * Memory: that of one step of `detectionStep`, whose backbone needs no stored activations. Batch normalisations of the
 * box heads go by all regions of a step; one picture is enough.
 *
 * @param model a detector with as many classes as the pictures, of images of any size; or a name, or a name and options of
 *   `createModel`, which is made here, with published weights (but for what depends on the number of classes, where
 *   that is another) unless `pretrained` is false
 * @param data such as `cocoFolder` or `cocoSource` gives, with masks
 * @returns the model and how it came about
 * @throws {Error} when an option, the model or the data are wrong, nothing has changed then; or, in the middle, when a
 *   picture or its objects cannot be read or do not fit each other, and `onError` is not `'skip'`
 * @throws {DivergedError} when the loss is not finite any more, with the first layer whose output was not
 * @throws {unknown} the reason of `signal`; what a callback throws
 * After any failure a model that was given has the weights it had; what was saved can be gone on with.
 *
 * @example
 * const train = await cocoFolder('things/train.json', 'things/pictures');
 * const { model, evaluation } = await fineTuneDetector('cascade_mask_rcnn_revcol_tiny.coco', train, {
 *   saveTo: 'things-run',
 * });
 * console.log(evaluation.box.AP, evaluation.mask.AP);
 */
export async function fineTuneDetector(
  model: FineTuneDetectorModel,
  data: ObjectSource,
  options: FineTuneDetectorOptions = {},
): Promise<FineTuneDetectorResult> {
  requireDetectorOptions(OWNER, options);
  requireObjectSource(OWNER, data);
  options.signal?.throwIfAborted();
  const opened = await openPlaces(OWNER, options);
  const examples = divideMarked(OWNER, data, options);
  const prepared = await prepareDetector(OWNER, model, data, options);
  try {
    const plan = planDetector(OWNER, prepared, examples, options);
    const job = detectorJob(OWNER, prepared, examples, plan, options);
    const { shortSide, longSide } = plan.detecting;
    const trainee = { ...prepared, metadata: { ...prepared.metadata, shortSide, longSide } };
    const completed = await completeRun(OWNER, trainee, job, plan, options, opened);
    const { best, evaluation } = completed.progress;
    return {
      model: prepared.model,
      classNames: [...data.classNames],
      evaluation,
      best: best && { boxAP: best.accuracy, epoch: best.epoch, step: best.step },
      ...factsOf(completed, plan, opened),
    };
  } catch (error) {
    prepared.dispose();
    throw error;
  }
}
