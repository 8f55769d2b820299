/** The features of every level of every column, one after another. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireInteger, requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { firstMask } from '../layers/base/masks';
import { pixelStatistics } from '../layers/columns/pixels';
import type { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { normalizePixels } from '../ops/normalize_pixels';
import { backboneInput, findBackbone } from './find_backbone';

/** Options of `columnFeatures`. */
export interface ColumnFeaturesOptions {
  /** Name of the backbone, of a model that has several. Default: the only one. */
  layer?: string;
  /** Which of its calls, from 0, of a model that calls its backbone several times. Default: the only one. */
  call?: number;
  /**
   * `'none'` (default): features of every place, `[batch, height, width, channels]`, or of every token,
   * `[batch, time, channels]`. `'mean'`: their mean over the places, `[batch, channels]`, which does not say
   * where something is; of tokens over the real ones, so that sequences may be of any length.
   */
  pooling?: 'none' | 'mean';
}

export const COLUMN_FEATURES_OPTIONS: OptionNames<ColumnFeaturesOptions> = {
  layer: true,
  call: true,
  pooling: true,
};

/** A level of a column. */
export interface ColumnLevel {
  /** From 0. */
  column: number;
  /** From 0, at the bottom. */
  level: number;
}

/** The features of a level of a column. */
export interface ColumnFeatures extends ColumnLevel {
  /** Freed when the next is asked for, and when the loop ends. */
  features: tf.Tensor;
}

const OWNER = 'columnFeatures';

/**
 * The features of every level of every column for a batch, as in inference: column by column, levels from the
 * bottom up. What has been passed is freed, so that at most two columns are in memory.
 *
 * @param model a `RevColBackbone` that is built, or a model with one in it: classifier, segmenter, language model
 * @param inputs the model's inputs, which stay the caller's
 * @returns what to loop over, once
 * @throws {Error} when the model has no backbone, or several of which none is named, or an option is out of range;
 *   when the loop begins, what the model throws of inputs that it does not take, or when it calls its backbone several
 *   times and it is not said which call counts
 *
 * @example
 * for (const { column, level, features } of columnFeatures(model, x)) {
 *   console.log(column, level, features.shape);
 * }
 */
export function columnFeatures(
  model: tfl.LayersModel | RevColBackbone,
  inputs: tf.Tensor | tf.Tensor[],
  options: ColumnFeaturesOptions = {},
): Generator<ColumnFeatures, void, undefined> {
  requireOptions(OWNER, options, COLUMN_FEATURES_OPTIONS);
  const { layer, call, pooling = 'none' } = options;
  requireOneOf(OWNER, 'pooling', pooling, ['none', 'mean']);
  if (call !== undefined) requireInteger(OWNER, 'call', call, 0);
  const backbone = findBackbone(OWNER, model, layer);
  const all = [inputs].flat();
  const areTensors = all.length > 0 && all.every((x) => x instanceof tf.Tensor);
  requireArgument(OWNER, 'inputs', inputs, areTensors, "the model's inputs, tensors");
  return walk(model, backbone, inputs, call, pooling);
}

function* walk(
  model: tfl.LayersModel | RevColBackbone,
  backbone: RevColBackbone,
  inputs: tf.Tensor | tf.Tensor[],
  call: number | undefined,
  pooling: 'none' | 'mean',
): Generator<ColumnFeatures, void, undefined> {
  const { stem, mask } = stemOf(model, backbone, inputs, call);
  let levels: tf.Tensor[] = [];
  try {
    for (const [column, layer] of backbone.columnLayers.entries()) {
      const previous = levels;
      levels = tf.tidy(() => layer.apply([stem, ...previous], { mask }) as tf.Tensor[]);
      tf.dispose(previous);
      for (const [level, whole] of levels.entries()) {
        const features = tf.tidy(() => pooled(whole, mask, pooling));
        try {
          yield { column, level, features };
        } finally {
          features.dispose();
        }
      }
    }
  } finally {
    tf.dispose([stem, mask, ...levels]);
  }
}

/** What the stem makes of a model's inputs, and which tokens are real. Whoever gets it disposes it. */
export function stemOf(
  model: tfl.LayersModel | RevColBackbone,
  backbone: RevColBackbone,
  inputs: tf.Tensor | tf.Tensor[],
  call: number | undefined,
): { stem: tf.Tensor; mask?: tf.Tensor } {
  const { x, mask: given } = backboneInput(OWNER, model, backbone, inputs, call);
  try {
    return tf.tidy(() => {
      const statistics = pixelStatistics(OWNER, backbone.pixels, x.shape);
      const normalized = statistics ? normalizePixels(x, statistics) : x;
      const { stem: layer } = backbone;
      // A stem may hand on what it is given, which is freed.
      const stem = tf.clone(layer.apply(normalized, { training: false }) as tf.Tensor);
      const own = layer.supportsMasking ? firstMask(layer.computeMask(x, given)) : given;
      // Only sequences have masks; tfjs may hand an image the mask of another branch of the model.
      return { stem, mask: own && stem.rank === 3 ? tf.clone(own) : undefined };
    }) as { stem: tf.Tensor; mask?: tf.Tensor };
  } finally {
    tf.dispose([x, given]);
  }
}

/** The features themselves, or their means over places; those of tokens that are padding are 0. */
export function pooled(
  x: tf.Tensor,
  mask: tf.Tensor | undefined,
  pooling: 'none' | 'mean',
): tf.Tensor {
  const real = mask && tf.expandDims(tf.cast(mask, 'float32'), 2);
  const own = real ? tf.mul(x, real) : tf.clone(x);
  if (pooling === 'none') return own;
  const axes = x.shape.map((_, axis) => axis).slice(1, -1);
  if (!real) return tf.mean(own, axes);
  return tf.div(tf.sum(own, axes), tf.maximum(tf.sum(real, axes), 1));
}
