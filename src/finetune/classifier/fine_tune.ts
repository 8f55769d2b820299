/** From labelled examples to a trained classifier. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { ClassificationData } from '../../data/classification_data';
import type { Evaluation } from '../../evaluation/evaluation';
import { completeRun, type OpenedPlaces, openPlaces } from '../run/complete_run';
import type { Best } from '../run/early_stopping';
import { factsOf, type RunFacts } from '../run/facts';
import { classifierJob } from './job';
import { type FineTuneOptions, requireFineTuneOptions } from './options';
import { divideExamples, type Examples, planRun } from './plan';
import { type FineTuneModel, type PreparedModel, prepareModel } from './prepare';
import { numberedAs, openTrainingData } from './training_data';

/** What comes of fine-tuning. */
export interface FineTuneResult extends RunFacts {
  /** With the best weights; the caller's. */
  model: tfl.LayersModel;
  /** Names by class, as the model numbers them; saved with it. */
  classNames: readonly string[];
  /** Of the examples for validation, by the best weights; null where there were none. */
  evaluation: Evaluation | null;
  /** The best epoch; null where there was no validation. */
  best: Best | null;
}

const OWNER = 'fineTune';

/**
 * Trains a classifier on examples of one's own.
 *
 * Without a word more it keeps some examples for validation, trains a new head first and then everything, by
 * `AdamW` with rates that fall from layer to layer, cosine schedule, label smoothing and averaged weights, changes
 * pictures at random, stops when it gets no better, and gives back the model with the weights of the best epoch. What
 * it does then is told by `settings`.
 *
 * @param model any classifier of layers with one input and an output `[batch, classes]`, logits or softmax; a name
 *   of a size (random weights) or of published weights; or a name and options of `createModel`. The last layer with
 *   units is replaced where the classes are others than the model's: the result is another model then, which shares
 *   everything below with the given one. A model counts as one that has learned something: where it has not, give
 *   its name and options instead, for the rates and epochs of random weights.
 * @param data pictures (`imageFolder`, `imageFiles`, `tensorSource`), which are fitted and normalised as the model
 *   says, never twice; or tensors `{ x, y }` or a dataset of tf.data, as the model takes them; a dataset is read to
 *   its end and kept in memory
 * @returns the model and how it came about
 * @throws {Error} when an option or the data are wrong (a label out of range, a class without examples, only one
 *   class; of a model that is given and of examples without names, a label beyond its classes), or it does not fit
 *   into `memory`; nothing has changed then; or when, with `onError: 'skip'`, none of the examples of an epoch or for
 *   validation can be read
 * @throws {DivergedError} when the loss is not finite any more, with the first layer whose output was not
 * @throws {unknown} the reason of `signal`; what a callback throws
 * After any failure a model that was given has the weights it had; what was saved can be gone on with.
 *
 * @example
 * const pictures = await imageFolder('pets/train');
 * const { model, evaluation } = await fineTune('revcol_tiny.in1k', pictures, { saveTo: 'pets-run' });
 * console.log(evaluation.top1);
 * await model.save('file://pets-model');
 */
export async function fineTune(
  model: FineTuneModel,
  data: ClassificationData,
  options: FineTuneOptions = {},
): Promise<FineTuneResult> {
  requireFineTuneOptions(OWNER, options);
  const { signal, classNames } = options;
  signal?.throwIfAborted();
  const places = await openPlaces(OWNER, options);
  const opened = await openTrainingData(OWNER, data, classNames, signal);
  try {
    const prepared = await prepareModel(OWNER, model, opened, options);
    let isDone = false;
    try {
      const examples = await divideExamples(
        OWNER,
        numberedAs(OWNER, opened, prepared.classNames),
        options,
      );
      try {
        const result = await trained(prepared, examples, options, places);
        isDone = true;
        return result;
      } finally {
        examples.dispose();
      }
    } finally {
      if (!isDone) prepared.dispose();
    }
  } finally {
    opened.dispose();
  }
}

async function trained(
  prepared: PreparedModel,
  examples: Examples,
  options: FineTuneOptions,
  opened: OpenedPlaces,
): Promise<FineTuneResult> {
  const { model, head, classNames } = prepared;
  const plan = planRun(OWNER, prepared, examples, options, opened.goesOn?.settings);
  const job = classifierJob(OWNER, prepared, examples, plan, options);
  const trainee = { ...prepared, head: head.layers };
  const completed = await completeRun(OWNER, trainee, job, plan, options, opened);
  const { best, evaluation } = completed.progress;
  const facts = factsOf(completed, plan, opened);
  return { model, classNames, evaluation, best: best as Best | null, ...facts };
}
