/** What images a classifier takes, as its layers and what is saved with it tell. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, show } from '../common/arguments';
import { metadataOf, type ModelMetadata, present } from '../common/model_metadata';
import { ownPixels } from '../layers/columns/own_pixels';
import type { PreprocessOptions } from '../preprocessing/fit_image';

/** How pictures become the input of a model. */
export interface ModelInput {
  /** `[height, width]`, in pixels. */
  readonly inputSize: readonly [number, number];
  /** 3, or 1 for a model of grey pictures. */
  readonly channels: 1 | 3;
  readonly crop?: PreprocessOptions['crop'];
  /** As `PreprocessOptions`; undefined for ImageNet's. */
  readonly mean?: PreprocessOptions['mean'];
  readonly std?: PreprocessOptions['std'];
}

/**
 * How pictures become the input of a model: of its size, in the units that its layers normalise
 * (`pixelMean`, `pixelStd`), else normalised by what is saved with it, else by ImageNet's statistics.
 *
 * @param name of the model, for messages
 * @param given takes the place of what the model says. Where the model leaves its sides open they are
 *   `inputSize`, else those that are saved with it, else 224.
 * @throws {Error} when it takes no images of 1 or 3 channels, or of other sides than those given, its
 *   statistics tell no units, or what is saved with it is not what it can be
 */
export function modelInput(
  name: string,
  model: tfl.LayersModel,
  given: PreprocessOptions = {},
): ModelInput {
  const shape = model.inputs[0]?.shape;
  const [height, width, channels] = shape?.slice(1) ?? [];
  if (model.inputs.length !== 1 || shape?.length !== 4) {
    const shapes = model.inputs.map((input) => show(input.shape)).join(', ');
    throw new Error(`${name} takes ${shapes}; expected images [null, height, width, 3]`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new Error(
      `${name} is of images with ${channels ?? 'any number of'} channels; pictures are read as RGB, or as ` +
        'grey for a model of one channel',
    );
  }
  const saved = metadataOf(model);
  const [wantedHeight, wantedWidth] = given.inputSize ?? [undefined, undefined];
  const [savedHeight, savedWidth] = saved.inputSize ?? [undefined, undefined];
  const inputSize = [
    height ?? wantedHeight ?? width ?? savedHeight ?? 224,
    width ?? wantedWidth ?? height ?? savedWidth ?? 224,
  ] as const;
  if (
    (wantedHeight ?? inputSize[0]) !== inputSize[0] ||
    (wantedWidth ?? inputSize[1]) !== inputSize[1]
  ) {
    throw new Error(
      `${name} takes images of ${inputSize.join(' x ')} pixels, so an input size of ` +
        `${wantedHeight} x ${wantedWidth} does not fit; leave it out`,
    );
  }
  const { mean, std } = savedStatistics(name, model);
  return {
    inputSize,
    channels,
    crop: given.crop ?? saved.crop,
    mean: given.mean ?? mean,
    std: given.std ?? std,
  };
}

/**
 * How pictures become the input of a classifier, as options of `preprocess`: of the size of its input, and normalised and
 * cut as its layers (`pixelMean`, `pixelStd`) or what is saved with it say. What they do not say is absent, and
 * `preprocess` takes ImageNet's. Saved it is with published weights (`createModel(name, { pretrained: true })`), by
 * `fineTune`, and by `loadCheckpoint` of what `saveCheckpoint` has written; `model.save` and `tf.loadLayersModel` keep it.
 *
 * @throws {Error} when the model takes no images of 1 or 3 channels, or what is saved with it is not what it can be
 *
 * @example
 * const model = await tf.loadLayersModel('/my-model/model.json');
 * const input = preprocess(readPixels(picture), preprocessingOf(model));
 */
export function preprocessingOf(model: tfl.LayersModel): PreprocessOptions {
  requireModel('preprocessingOf', model);
  const input = modelInput(`preprocessingOf: ${model.name}`, model);
  const { inputSize, channels, crop, mean, std } = input;
  return present({ inputSize: [...inputSize, channels] as const, crop, mean, std });
}

/**
 * By what pixels are normalised for a model, as its layers or what is saved with it tell.
 *
 * @param name of the model, for messages
 */
export function savedStatistics(
  name: string,
  model: tfl.LayersModel,
): Pick<ModelMetadata, 'mean' | 'std'> {
  const { mean, std } = ownUnits(name, model) ?? metadataOf(model, name);
  return { mean, std };
}

/**
 * How pixels get the units that a model which normalises them itself was made for; undefined where it
 * does not.
 *
 * @throws {Error} when its means and deviations tell no units
 */
export function ownUnits(
  name: string,
  model: tfl.LayersModel,
): Required<Pick<PreprocessOptions, 'mean' | 'std'>> | undefined {
  const own = ownPixels(model);
  if (!own) return undefined;
  const { mean, std, range } = own;
  if (range === null) {
    throw new Error(
      `${name} normalises its pixels by pixelMean [${mean.join(', ')}] and pixelStd [${std.join(', ')}], ` +
        'which are neither of pixels in 0..1 nor of pixels in 0..255; use it in a program instead, with the ' +
        'pixels that it was trained on',
    );
  }
  return { mean: [0, 0, 0], std: [1 / range, 1 / range, 1 / range] };
}
