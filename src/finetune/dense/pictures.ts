/** What fine-tuning of segmenters and detectors shares: their classes and statistics, pictures for validation. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { ModelMetadata } from '../../common/model_metadata';
import { matchClasses } from '../../data/class_names';
import { savedStatistics } from '../../data/model_input';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { IMAGENET_MEAN, IMAGENET_STD } from '../../registry/imagenet_statistics';
import { stratifiedSplit, usualShare } from '../base/split';

/**
 * Asserts that a network by its name is asked for with the classes of the pictures, or without a word of them.
 *
 * @throws {Error} when it is another number
 */
export function requireSameCount(
  owner: string,
  asked: { readonly numClasses?: number },
  numClasses: number,
): void {
  if ((asked.numClasses ?? numClasses) === numClasses) return;
  throw new Error(
    `${owner}: numClasses is ${asked.numClasses}, but the pictures have ${numClasses} classes; leave it out`,
  );
}

/** What is saved with a model that is trained on pictures. */
export type PictureMetadata = ModelMetadata & Record<string, unknown>;

/** By what pixels are normalised, and what is saved with the model. */
export interface PixelStatistics {
  readonly mean: NonNullable<PreprocessOptions['mean']>;
  readonly std: NonNullable<PreprocessOptions['std']>;
  readonly metadata: PictureMetadata;
}

/** Statistics as they are given, or as the model's own layers or what is saved with it tell them, or ImageNet's. */
export function statisticsOf(
  model: tfl.LayersModel,
  classNames: readonly string[],
  given: Pick<PreprocessOptions, 'mean' | 'std'> = {},
): PixelStatistics {
  const own = savedStatistics(model.name, model);
  const mean = given.mean ?? own.mean ?? IMAGENET_MEAN;
  const std = given.std ?? own.std ?? IMAGENET_STD;
  const saved = model.getUserDefinedMetadata();
  const metadata = { ...saved, classNames: [...classNames], mean: [...mean], std: [...std] };
  return { mean, std, metadata: { ...metadata, upright: true } as unknown as PictureMetadata };
}

/** Pictures of a source that are trained on, and looked at. */
export interface DividedPictures<Source> {
  readonly data: Source;
  readonly training: readonly number[];
  /** Pictures that are looked at after each epoch; none where there are none. */
  readonly validation: { readonly data: Source; readonly order: readonly number[] } | null;
}

/**
 * Divides the pictures, or takes those for validation.
 *
 * @param requireSource asserts pictures for validation
 * @param groups of each picture, of which the same share is kept. Default: all are one
 * @throws {Error} when those for validation are none, or have other classes
 */
export function dividePictures<
  Source extends { readonly length: number; readonly classNames: readonly string[] },
>(
  owner: string,
  data: Source,
  { validation, seed = 0 }: { validation?: Source | number; seed?: number },
  requireSource: (owner: string, source: Source) => void,
  groups?: readonly number[],
): DividedPictures<Source> {
  const all = Array.from({ length: data.length }, (_, i) => i);
  if (validation !== undefined && typeof validation !== 'number') {
    const given = `${owner}: validation`;
    requireSource(given, validation);
    matchClasses(given, validation.classNames, data.classNames, data.classNames.length);
    const order = Array.from({ length: validation.length }, (_, i) => i);
    return { data, training: all, validation: { data: validation, order } };
  }
  const share = validation ?? usualShare(data.length);
  const { training, validation: order } = stratifiedSplit(groups ?? all.map(() => 0), share, seed);
  return { data, training, validation: order.length > 0 ? { data, order } : null };
}
