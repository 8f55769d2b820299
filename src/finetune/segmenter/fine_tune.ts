/** From pictures with label maps to a trained segmenter. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { SegmentationSource } from '../../data/segmentation_source';
import {
  requireSegmentationSource,
  type SegmentationEvaluation,
} from '../../models/evaluate_segmenter';
import { dividePictures } from '../dense/pictures';
import { completeRun, openPlaces } from '../run/complete_run';
import { factsOf, type RunFacts } from '../run/facts';
import { segmenterJob } from './job';
import { type FineTuneSegmenterOptions, requireSegmenterOptions } from './options';
import { planSegmenter } from './plan';
import { type FineTuneSegmenterModel, prepareSegmenter } from './prepare';

/** The best epoch of a segmenter. Plain JSON. */
export interface BestSegmenter {
  /** Mean intersection over union of the pictures for validation, in 0..1. */
  readonly mIoU: number;
  /** From 1. */
  readonly epoch: number;
  /** Steps taken at its end. */
  readonly step: number;
}

/** What comes of fine-tuning a segmenter. */
export interface FineTuneSegmenterResult extends RunFacts {
  /** With the best weights; the caller's. */
  model: tfl.LayersModel;
  /** Names by class, as the model numbers them; saved with it. */
  classNames: readonly string[];
  /** Of the pictures for validation, by the best weights; null where there were none. */
  evaluation: SegmentationEvaluation | null;
  /** The best epoch; null where there was no validation. */
  best: BestSegmenter | null;
}

const OWNER = 'fineTuneSegmenter';

/**
 * Trains a segmenter on pictures with label maps, as `fineTune` trains a classifier: the same runs, saved as they go and
 * gone on with exactly.
 *
 * Without a word more it does what the published training does: scale jitter, crops in which no class has more than
 * three quarters, flips, photometric distortion; cross entropy with the auxiliary head at 0.4, of which pixels of
 * `ignoreLabel` have none; `AdamW` with weight decay 0.01, not of alphas, biases and norms; a poly schedule with warm-up.
 * After every epoch the mean intersection over union of the pictures for validation is taken, by which the best
 * weights are kept.
 *
 * Memory: the walk back through reversible columns needs no stored activations under the heads either. Batch
 * normalisations go by the pictures of a step, of which there should be two at least; there is no option `memory`, as
 * parts of a step would have statistics of their own.
 *
 * @param model a segmenter with as many classes as the pictures, with an auxiliary head or without; or a name, or a name
 *   and options of `createModel`, which is made here, with published weights (but for the logits of other classes)
 *   unless `pretrained` is false, and with an auxiliary head unless `auxiliaryHead` is
 * @param data such as `segmentationFolder` or `segmentationSource` gives
 * @returns the model and how it came about
 * @throws {Error} when an option, the model or the data are wrong, nothing has changed then; or, in the middle, when a
 *   picture or its map cannot be read or do not fit each other, and `onError` is not `'skip'`
 * @throws {DivergedError} when the loss is not finite any more, with the first layer whose output was not
 * @throws {unknown} the reason of `signal`; what a callback throws
 * After any failure a model that was given has the weights it had; what was saved can be gone on with.
 *
 * @example
 * const streets = await segmentationFolder('streets/images', 'streets/labels', { classNames });
 * const { model, evaluation } = await fineTuneSegmenter('upernet_revcol_tiny.ade20k_512', streets, {
 *   saveTo: 'streets-run',
 * });
 * console.log(evaluation.mIoU);
 */
export async function fineTuneSegmenter(
  model: FineTuneSegmenterModel,
  data: SegmentationSource,
  options: FineTuneSegmenterOptions = {},
): Promise<FineTuneSegmenterResult> {
  requireSegmenterOptions(OWNER, options);
  requireSegmentationSource(OWNER, data);
  options.signal?.throwIfAborted();
  const opened = await openPlaces(OWNER, options);
  const examples = dividePictures(OWNER, data, options, requireSegmentationSource);
  const prepared = await prepareSegmenter(OWNER, model, data, options);
  try {
    const plan = planSegmenter(OWNER, prepared, examples, options);
    const job = segmenterJob(OWNER, prepared, examples, plan, options);
    const { cropSize, segmenting } = plan;
    const { inputSize = cropSize, shortSide, slideStride } = segmenting;
    const sizes = { inputSize, shortSide: shortSide ?? undefined, slideStride };
    const trainee = { ...prepared, metadata: { ...prepared.metadata, ...sizes } };
    const completed = await completeRun(OWNER, trainee, job, plan, options, opened);
    const { best, evaluation } = completed.progress;
    return {
      model: prepared.model,
      classNames: [...data.classNames],
      evaluation,
      best: best && { mIoU: best.accuracy, epoch: best.epoch, step: best.step },
      ...factsOf(completed, plan, opened),
    };
  } catch (error) {
    prepared.dispose();
    throw error;
  }
}
