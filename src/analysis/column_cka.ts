/** The paper's table: how similar each level of each column is to the image and to the label. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireInteger, requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type ClassificationData, openData } from '../data/classification_data';
import { isExampleSource } from '../data/example_source';
import { modelInput } from '../data/model_input';
import type { LabelledBatch, ReadBatchesOptions } from '../data/read_batches';
import type { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { oneHot } from '../ops/class_ids';
import { PREPROCESS_OPTIONS, type PreprocessOptions } from '../preprocessing/fit_image';
import {
  COLUMN_FEATURES_OPTIONS,
  columnFeatures,
  type ColumnFeaturesOptions,
  type ColumnLevel,
  pooled,
  stemOf,
} from './column_features';
import { findBackbone } from './find_backbone';
import { LEAST_EXAMPLES, MinibatchCKA } from './minibatch_cka';

/** Options of `columnCKA`. */
export interface ColumnCKAOptions extends ColumnFeaturesOptions {
  /**
   * Examples per batch, from 4; streams have sizes of their own. More make a better estimate, and take memory for
   * so many squared numbers for each level of each column. Default 128.
   */
  batchSize?: number;
  /** How pictures become the model's input, in place of what the model says, as in `evaluate`. */
  preprocessing?: Pick<PreprocessOptions, 'inputSize' | 'crop' | 'mean' | 'std'>;
  /** Told how many examples are done, and of how many where that is known. */
  onProgress?: (done: number, total: number | undefined) => void;
  /** Stops, and rejects with the signal's reason. */
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<ColumnCKAOptions> = {
  ...COLUMN_FEATURES_OPTIONS,
  batchSize: true,
  preprocessing: true,
  onProgress: true,
  signal: true,
};

/** What each level of each column knows. Plain JSON, but for NaN. */
export interface ColumnCKA {
  /** CKA with the images by `[column][level]`. Of ids of tokens: with what the stem makes of them. */
  image: number[][];
  /** CKA with the one-hot labels by `[column][level]`. */
  label: number[][];
  /** CKA of the images with the labels: what an untouched image has. */
  imageAndLabel: number;
  /** Which levels `between` is of, in its order: by column, levels from the bottom up. */
  levels: ColumnLevel[];
  /** CKA of levels with each other, by their places in `levels`. */
  between: number[][];
  /** Examples that it is made of. */
  examples: number;
}

const OWNER = 'columnCKA';
const [IMAGE, LABEL] = ['the image', 'the label'];

/**
 * Linear CKA of every level of every column with the images and with the one-hot labels, and of the levels with
 * each other: the analysis of the paper (arXiv 2212.11696, section 4.5), by which low levels keep what is of the
 * image while what is of the label grows from column to column. In batches, by `MinibatchCKA`: unbiased, and
 * without all features in memory.
 *
 * @param model a model with a RevCol backbone, with random or trained weights; or a backbone that is built
 * @param data as for `evaluate`: pictures, tensors `{ x, y }`, or a stream of batches. The end of the data is left
 *   out where it is less than 4 examples. Labels are class numbers or one-hot
 * @returns NaN stands where a level, the images or the labels do not vary in any batch, or in each only one example
 *   differs from the others, or all differ alike, as where every example of a batch has a class of its own
 * @throws {Error} when the model has no backbone, an option is out of range, no batch has 4 examples, a label is
 *   negative, or features have NaN or Infinity
 *
 * @example
 * const { image, label } = await columnCKA(model, { x, y });
 * console.log('label, column by column, at the top:', label.map((levels) => levels.at(-1)));
 */
export async function columnCKA(
  model: tfl.LayersModel | RevColBackbone,
  data: ClassificationData,
  options: ColumnCKAOptions = {},
): Promise<ColumnCKA> {
  requireOptions(OWNER, options, OPTIONS);
  const { batchSize = 128, pooling = 'none', call, preprocessing, signal } = options;
  requireInteger(OWNER, 'batchSize', batchSize, LEAST_EXAMPLES);
  if (call !== undefined) requireInteger(OWNER, 'call', call, 0);
  requireOneOf(OWNER, 'pooling', pooling, ['none', 'mean']);
  if (preprocessing !== undefined) {
    requireOptions(`${OWNER}: preprocessing`, preprocessing, PREPROCESS_OPTIONS);
  }
  const columns = findBackbone(OWNER, model, options.layer).columnLayers.length;
  const opened = await openData(OWNER, data);
  const reading: ReadBatchesOptions = { batchSize, signal };
  // Only pictures are made to fit; what else a model may take comes as tensors.
  if (isExampleSource(data)) {
    const expected =
      'a model, whose input says what pictures are made to; or give tensors { x, y }';
    requireArgument(OWNER, 'model', model, 'inputs' in model, expected);
    reading.input = modelInput(`${OWNER}: the model`, model as tfl.LayersModel, preprocessing);
  }
  const cka = new MinibatchCKA();
  let [done, used] = [0, 0];
  for await (const batch of opened.batches(reading)) {
    try {
      if (batch.labels.length >= LEAST_EXAMPLES) {
        await cka.add(featuresOf(model, batch, options));
        used += batch.labels.length;
      }
    } finally {
      batch.x.dispose();
    }
    done += batch.labels.length;
    options.onProgress?.(done, opened.length);
  }
  if (done < LEAST_EXAMPLES) {
    throw new Error(
      `${OWNER}: the data hold ${done} examples; expected at least ${LEAST_EXAMPLES}`,
    );
  }
  if (used === 0) {
    throw new Error(
      `${OWNER}: the data hold ${done} examples, but no batch of at least ${LEAST_EXAMPLES}; make the batches larger`,
    );
  }
  return tableOf(cka, columns);
}

/** What is compared for a batch, one after another; each is freed when the next is asked for. */
function* featuresOf(
  model: tfl.LayersModel | RevColBackbone,
  { x, labels }: LabelledBatch,
  options: ColumnFeaturesOptions,
): Generator<[name: string, features: tf.Tensor], void, undefined> {
  const { layer, call, pooling } = options;
  const image = imageOf(model, x, options);
  try {
    yield [IMAGE, image];
  } finally {
    image.dispose();
  }
  const label = oneHotOf(labels);
  try {
    yield [LABEL, label];
  } finally {
    label.dispose();
  }
  for (const { column, level, features } of columnFeatures(model, x, { layer, call, pooling })) {
    yield [`level ${level} of column ${column}`, features];
  }
}

/** The images; ids, which are names and no amounts, as the stem embeds them. */
function imageOf(
  model: tfl.LayersModel | RevColBackbone,
  x: tf.Tensor,
  { layer, call }: ColumnFeaturesOptions,
): tf.Tensor {
  if (x.rank > 2) return tf.clone(x);
  const { stem, mask } = stemOf(model, findBackbone(OWNER, model, layer), x, call);
  const image = tf.tidy(() => pooled(stem, mask, 'none'));
  tf.dispose([stem, mask]);
  return image;
}

/** Rows with a one; of classes that the batch does not have there are no columns, which would be 0. */
function oneHotOf(labels: Int32Array): tf.Tensor2D {
  const wrong = labels.find((label) => label < 0);
  if (wrong !== undefined) {
    throw new Error(`${OWNER}: a label is ${wrong}; expected numbers of classes, from 0`);
  }
  const numbers = new Map([...new Set(labels)].map((label, i) => [label, i]));
  const ids = Int32Array.from(labels, (label) => numbers.get(label) as number);
  return tf.tidy(() => oneHot(tf.tensor1d(ids, 'int32'), numbers.size));
}

function tableOf(cka: MinibatchCKA, columns: number): ColumnCKA {
  const { similarity, examples } = cka.result();
  const [ofImage = [], ofLabel = [], ...others] = similarity;
  const count = others.length / columns;
  const byColumn = (row: number[]) =>
    Array.from({ length: columns }, (_, c) => row.slice(2 + c * count, 2 + (c + 1) * count));
  return {
    image: byColumn(ofImage),
    label: byColumn(ofLabel),
    imageAndLabel: ofImage[1] as number,
    levels: others.map((_, i) => ({ column: Math.floor(i / count), level: i % count })),
    between: others.map((row) => row.slice(2)),
    examples,
  };
}
