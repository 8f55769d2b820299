/** Small initial weights for the classifiers of a model that is to be fine-tuned. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireList, requireModel, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';

const OWNER = 'scaleHeads';

/** Options of `scaleHeads`. */
export interface ScaleHeadsOptions {
  /** Factor of kernels and biases, from 0. Default 0.001, the published `HEAD_INIT_SCALE`. */
  scale?: number;
  /** Names of the layers. Default: all layers of class `RevColHead`. */
  layers?: readonly string[];
}

const OPTIONS: OptionNames<ScaleHeadsOptions> = { scale: true, layers: true };

/**
 * Multiplies kernel and bias of a model's classifiers by a small factor, before the first step of
 * fine-tuning: a new classifier then starts from nearly equal probabilities and does not disturb the
 * backbone (as in ConvNeXt, arXiv 2201.03545, table 6). Norms in the classifier stay as they are.
 *
 * @param model any model of layers
 * @returns the names of the layers
 * @throws {Error} when the model has none of them, a layer has neither kernel nor bias, or an option is
 *   out of range; then nothing has changed
 */
export function scaleHeads(model: tfl.LayersModel, options: ScaleHeadsOptions = {}): string[] {
  requireModel(OWNER, model);
  requireOptions(OWNER, options, OPTIONS);
  const { scale = 0.001, layers } = options;
  requireRanges(OWNER, [['scale', scale, scale >= 0, 'from 0']]);
  if (layers !== undefined) requireList(OWNER, 'layers', layers, 'names of layers');
  const all = model.layers ?? [];
  const heads = layers
    ? layers.map((name) => layerOf(all, name))
    : all.filter((layer) => layer.getClassName() === 'RevColHead');
  if (heads.length === 0) {
    throw new Error(
      `${OWNER}: ${model.name} has no layer of class RevColHead; give the names of its classifiers as ` +
        `layers`,
    );
  }
  const scaled = heads.flatMap((layer) => {
    const weights = layer.weights.filter(({ originalName }) =>
      /(^|\/)(kernel|bias)$/.test(originalName),
    );
    if (weights.length > 0) return weights;
    throw new Error(`${OWNER}: layer ${layer.name} has neither kernel nor bias`);
  });
  tf.tidy(() => {
    // A layer that is named twice, or stands in two places, is scaled once.
    for (const weight of new Set(scaled)) weight.write(tf.mul(weight.read(), scale));
  });
  return heads.map(({ name }) => name);
}

function layerOf(all: readonly tfl.layers.Layer[], name: string): tfl.layers.Layer {
  const found = all.find((layer) => layer.name === name);
  if (found) return found;
  throw new Error(
    `${OWNER}: there is no layer '${name}'; there are ${all.map((layer) => layer.name).join(', ')}`,
  );
}
