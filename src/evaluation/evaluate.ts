/** How good a classifier is: accuracy, confusions, calibration, mistakes. */
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireFunction,
  requireInteger,
  requireModel,
  requireOneOf,
} from '../common/arguments';
import { metadataOf } from '../common/model_metadata';
import { type OptionNames, requireOptions } from '../common/options';
import {
  matchClasses,
  numberedClasses,
  requireClassNames,
  requireLabels,
} from '../data/class_names';
import { type ClassificationData, openData, type OpenedData } from '../data/classification_data';
import { isExampleSource, requireSomeRead, type SkippedExample } from '../data/example_source';
import { modelInput } from '../data/model_input';
import type { ReadBatchesOptions } from '../data/read_batches';
import { PREPROCESS_OPTIONS, type PreprocessOptions } from '../preprocessing/fit_image';
import type { Ema } from '../training/ema';
import {
  type ClassOutput,
  classOutput,
  type OutputKind,
  predictLogProbabilities,
} from './class_outputs';
import type { Evaluation } from './evaluation';
import { ClassificationMetrics } from './metrics';

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Examples per batch; streams have sizes of their own. Default 32. */
  batchSize?: number;
  /**
   * Whether the model gives logits or probabilities. Default `'auto'`: probabilities where it ends in a
   * softmax, else logits.
   */
  outputs?: OutputKind | 'auto';
  /**
   * How pictures become the model's input, in place of what the model says: its input's size, its own
   * `pixelMean` and `pixelStd`, else `mean`, `std` and `crop` of its user-defined metadata, else ImageNet's.
   */
  preprocessing?: Pick<PreprocessOptions, 'inputSize' | 'crop' | 'mean' | 'std'>;
  /**
   * Names of the model's classes, in its order: the data's classes are found among them by name. Default:
   * `classNames` of the model's user-defined metadata, else the data's own.
   */
  classNames?: readonly string[];
  /** What becomes of pictures that cannot be read: `'skip'` leaves out and reports them. Default `'throw'`. */
  onError?: 'throw' | 'skip';
  /** How many mistakes to tell, those with the highest losses. Default 20. */
  worst?: number;
  /** Bins of the calibration. Default 15, as in the paper. */
  bins?: number;
  /** Told how many examples are done, and of how many where that is known. */
  onProgress?: (done: number, total: number | undefined) => void;
  /** Evaluates the averaged weights: they are applied meanwhile, and restored in any case. */
  ema?: Ema;
  /** Stops the evaluation, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export const EVALUATE_OPTIONS: OptionNames<EvaluateOptions> = {
  batchSize: true,
  outputs: true,
  preprocessing: true,
  classNames: true,
  onError: true,
  worst: true,
  bins: true,
  onProgress: true,
  ema: true,
  signal: true,
};

const OWNER = 'evaluate';

/**
 * Evaluates a classifier of images, or of anything else where the data are tensors: accuracy, precision and
 * recall of each class, confusions, calibration, and the worst mistakes. The model is run as for inference
 * (no dropout, moving statistics), and values are read without stopping a page.
 *
 * @param model any `tf.LayersModel` with an output `[batch, classes]`; of several the last is evaluated
 * @param data pictures (`imageFolder`, `imageFiles`, `tensorSource`), which are made to fit the model; or
 *   tensors `{ x, y }` or a stream of batches, as the model takes them
 * @returns plain JSON
 * @throws {Error} when the model is no classifier, a class or label is none of the model's, a picture cannot
 *   be read, there is no example, or the model gives NaN
 *
 * @example
 * const { top1, worst } = await evaluate(model, await imageFolder('pets', { split: 'test' }));
 */
export async function evaluate(
  model: tfl.LayersModel,
  data: ClassificationData,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  requireEvaluateOptions(options);
  requireModel(OWNER, model);
  const { ema } = options;
  ema?.apply();
  try {
    return await evaluateNow(model, data, options);
  } finally {
    ema?.restore();
  }
}

async function evaluateNow(
  model: tfl.LayersModel,
  data: ClassificationData,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const output = classOutput(`${OWNER}: the model`, model, options.outputs);
  const opened = await openData(OWNER, data);
  const { names, numbers } = classesOf(model, opened, output, options.classNames);
  const { bins = 15, worst = 20 } = options;
  const metrics = new ClassificationMetrics(names, { bins, worst });
  const skipped: SkippedExample[] = [];
  const read = { ...readOptions(model, data, options), onSkip: skipperOf(options, skipped) };
  let done = 0;
  for await (const batch of opened.batches(read)) {
    const values = await predictLogProbabilities(model, output, batch.x).finally(() =>
      batch.x.dispose(),
    );
    batch.indices.forEach((index, i) => {
      const name = opened.nameOf(index);
      const label = batch.labels[i] as number;
      requireLabels(OWNER, [label], numbers?.length ?? output.classes, () => name);
      const row = values.subarray(i * output.classes, (i + 1) * output.classes);
      requireFinite(row, name);
      metrics.add({ index, name, label: numbers?.[label] ?? label }, row);
    });
    done += batch.indices.length;
    options.onProgress?.(done + skipped.length, opened.length);
  }
  requireSomeRead(OWNER, done, skipped);
  return { ...metrics.result(), skipped };
}

function requireEvaluateOptions(options: EvaluateOptions): void {
  requireOptions(OWNER, options, EVALUATE_OPTIONS);
  const { batchSize = 32, bins = 15, worst = 20, outputs = 'auto', onError = 'throw' } = options;
  requireInteger(OWNER, 'batchSize', batchSize, 1);
  requireInteger(OWNER, 'bins', bins, 1);
  requireInteger(OWNER, 'worst', worst, 0);
  requireOneOf(OWNER, 'outputs', outputs, ['auto', 'logits', 'probabilities']);
  requireOneOf(OWNER, 'onError', onError, ['throw', 'skip']);
  const { ema, preprocessing } = options;
  // Also where the data are tensors, to which it does nothing.
  if (preprocessing !== undefined) {
    requireOptions(`${OWNER}: preprocessing`, preprocessing, PREPROCESS_OPTIONS);
  }
  const isEma = typeof ema?.apply === 'function' && typeof ema.restore === 'function';
  requireArgument(OWNER, 'ema', ema, ema === undefined || isEma, 'an Ema of the model');
  if (options.onProgress !== undefined) requireFunction(OWNER, 'onProgress', options.onProgress);
  if (options.classNames !== undefined) requireClassNames(OWNER, options.classNames);
}

/** The model's classes by name, and the model's number of each class of the data: undefined for the same. */
function classesOf(
  model: tfl.LayersModel,
  { classNames: given }: OpenedData,
  { classes }: ClassOutput,
  wanted: readonly string[] | undefined,
): { names: readonly string[]; numbers?: number[] } {
  const known = wanted ?? metadataOf(model).classNames;
  const numbers = given && matchClasses(OWNER, given, known, classes);
  if (known && known.length !== classes) {
    throw new Error(
      `${OWNER}: classNames has ${known.length} names, the model has ${classes} classes; give one for each`,
    );
  }
  const own = given?.length === classes ? given : undefined;
  return { names: known ?? own ?? numberedClasses(classes), numbers };
}

function readOptions(
  model: tfl.LayersModel,
  data: ClassificationData,
  { batchSize = 32, preprocessing, signal }: EvaluateOptions,
): ReadBatchesOptions {
  // Only pictures are made to fit; what else a model may take comes as tensors.
  const input = isExampleSource(data)
    ? modelInput(`${OWNER}: the model`, model, preprocessing)
    : undefined;
  return { batchSize, input, signal };
}

function skipperOf(
  { onError }: EvaluateOptions,
  skipped: SkippedExample[],
): ReadBatchesOptions['onSkip'] {
  return onError === 'skip' ? (example) => void skipped.push(example) : undefined;
}

function requireFinite(logProbabilities: Float64Array, name: string): void {
  if (!logProbabilities.some(Number.isNaN)) return;
  throw new Error(
    `${OWNER}: the model gives no number (NaN) for ${name}; expected finite values, weights and outputs. ` +
      'Check the example, and what training has made of the weights',
  );
}
