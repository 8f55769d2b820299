/** What images a classifier takes, as its layers and what is saved with it tell. */
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';
import type { PixelOptions } from '../layers/columns/pixels';
import type { PreprocessOptions } from '../preprocessing/fit_image';

/** What is saved with a classifier, as its user-defined metadata: how to prepare images, and what it tells. */
export interface ClassifierMetadata extends Pick<PreprocessOptions, 'mean' | 'std' | 'crop'> {
  /** Names by class. */
  classNames?: readonly string[];
  /** Whether it was trained on pictures as they are shown: an orientation tag (EXIF) is applied. */
  upright?: boolean;
  /** Of a segmenter or detector: what the shorter side of pictures is resized to; absent where they keep their size. */
  shortSide?: number;
  /** Of a detector: what the longer side has at most then. */
  longSide?: number;
  /** Of a segmenter: `[height, width]` of the crops that it learned from, and so of its windows. */
  inputSize?: readonly [number, number];
}

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

/** What is saved with a model; empty where there is nothing. */
export function metadataOf(model: tfl.LayersModel): ClassifierMetadata {
  return (model.getUserDefinedMetadata() ?? {}) as ClassifierMetadata;
}

/**
 * How pictures become the input of a model: of its size, in the units that its layers normalise
 * (`pixelMean`, `pixelStd`), else normalised by what is saved with it, else by ImageNet's statistics.
 *
 * @param name of the model, for messages
 * @param given takes the place of what the model says. Where the model leaves its sides open they are
 *   `inputSize`, else 224.
 * @throws {Error} when it takes no images of 1 or 3 channels, or of other sides than those given, or its
 *   statistics tell no units
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
  const [wantedHeight, wantedWidth] = given.inputSize ?? [undefined, undefined];
  const inputSize = [
    height ?? wantedHeight ?? width ?? 224,
    width ?? wantedWidth ?? height ?? 224,
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
  const saved = metadataOf(model);
  const own = ownUnits(name, model);
  return {
    inputSize,
    channels,
    crop: given.crop ?? saved.crop,
    mean: given.mean ?? (own ?? saved).mean,
    std: given.std ?? (own ?? saved).std,
  };
}

/**
 * How pictures are prepared for a segmenter or detector, so far as its layers or what is saved with it tell; what
 * they do not tell is absent.
 *
 * @param name of the model, for messages
 * @param sizes what of `shortSide`, `longSide` and `inputSize` counts
 */
export function savedPreparation<Size extends 'shortSide' | 'longSide' | 'inputSize'>(
  name: string,
  model: tfl.LayersModel,
  sizes: readonly Size[],
): Partial<Pick<ClassifierMetadata, 'mean' | 'std' | Size>> {
  const saved = metadataOf(model);
  const { mean, std } = ownUnits(name, model) ?? saved;
  const told = { mean, std, ...Object.fromEntries(sizes.map((size) => [size, saved[size]])) };
  return Object.fromEntries(
    Object.entries(told).filter(([, value]) => value !== undefined),
  ) as Partial<Pick<ClassifierMetadata, 'mean' | 'std' | Size>>;
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
  // Not by their configurations, which layers with adapters refuse to give.
  const options = layersIn(model).map((layer) => (layer as { pixels?: PixelOptions }).pixels);
  const own = options.find((pixels) => pixels?.pixelMean != null || pixels?.pixelStd != null);
  if (!own) return undefined;
  const [mean, std] = [own.pixelMean ?? 0, own.pixelStd ?? 1].map((v) => [v].flat() as number[]);
  const most = (values: number[] = []) => Math.max(...values.map(Math.abs));
  const isUnit = most(mean) <= 1 && most(std) <= 1;
  const isByte = most(std) > 1 && (most(mean) > 1 || most(mean) === 0);
  if (!isUnit && !isByte) {
    throw new Error(
      `${name} normalises its pixels by pixelMean [${mean?.join(', ')}] and pixelStd [${std?.join(', ')}], ` +
        'which are neither of pixels in 0..1 nor of pixels in 0..255; use it in a program instead, with the ' +
        'pixels that it was trained on',
    );
  }
  const scale = isUnit ? 1 : 1 / 255;
  return { mean: [0, 0, 0], std: [scale, scale, scale] };
}

/** The layers of a model and of the models in it. */
function layersIn(model: tfl.LayersModel): tfl.layers.Layer[] {
  return model.layers.flatMap((layer) =>
    layer instanceof tfl.LayersModel ? layersIn(layer) : [layer],
  );
}
