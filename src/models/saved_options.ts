/** Options of `segment` and `detect` that are not given: what is saved with the model takes their place. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { metadataOf, type ModelMetadata, present } from '../common/model_metadata';
import { savedStatistics } from '../data/model_input';
import { longSideFor } from './detect_options';

/** What of the options may be saved with a model. */
interface Savable extends Omit<ModelMetadata, 'classNames' | 'inputSize' | 'shortSide'> {
  readonly classes?: readonly string[];
  readonly dataset?: string;
  readonly inputSize?: readonly number[];
  readonly shortSide?: number | null;
}

/** Sizes of pictures and windows. */
type Size = 'shortSide' | 'longSide' | 'inputSize' | 'slideStride';

/**
 * Options with what is saved with a model in place of what is not given: names, unless a data set is given, whose they
 * are; sizes, the longer side not below what a shorter one needs that is given; and mean and deviation, unless the image is a tensor, which is the model's input already.
 *
 * @param sizes those that are options
 * @throws {Error} when what is saved is not what it can be
 */
export function withSaved<Options extends Savable>(
  model: tfl.LayersModel,
  given: Options,
  sizes: readonly Size[],
  image?: unknown,
): Options {
  const options = present(given);
  const isInput = image instanceof tf.Tensor;
  const saved = metadataOf(model);
  const needsStatistics = !isInput && (options.mean === undefined || options.std === undefined);
  // The step is that of the windows that it is saved with, and images that are tensors keep their size.
  const unfit = [
    ...(options.inputSize === undefined ? [] : ['slideStride']),
    ...(isInput ? ['shortSide', 'longSide'] : []),
  ];
  const kept = sizes.filter((size) => !unfit.includes(size)).map((size) => [size, saved[size]]);
  const facts = {
    ...(Object.fromEntries(kept) as Pick<ModelMetadata, Size>),
    ...(needsStatistics ? savedStatistics(model.name, model) : {}),
    ...(options.dataset === undefined ? { classes: saved.classNames } : {}),
  };
  const { shortSide } = options;
  // What is saved, or published, belongs to another shorter side.
  const longSide =
    sizes.includes('longSide') && shortSide != null
      ? { longSide: longSideFor(shortSide, isInput ? undefined : saved.longSide) }
      : {};
  return { ...(present(facts) as object), ...longSide, ...options };
}
