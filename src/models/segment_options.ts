/** How to segment: options, what they mean for an image, names and colours of classes. */
import {
  requireArgument,
  requireFunction,
  requireInteger,
  requireList,
  requireOneOf,
  requireRanges,
  requireSides,
} from '../common/arguments';
import type { OptionNames } from '../common/options';
import { requireStatistic } from '../common/pixel_statistics';
import type { Size } from '../preprocessing/rescaled_size';
import { ADE20K_CLASSES, ADE20K_PALETTE } from '../registry/ade20k';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import type { SegmentationWeights } from '../registry/segmentation';
import { requireOwnClasses } from './dataset_classes';
import type { Sliding } from './segmentation_logits';

/** Red, green and blue, 0..255. */
export type Colour = readonly [number, number, number];

/** How to segment. The record of a published segmenter is one: `segmentationWeights(name)`. */
export interface SegmentOptions {
  /**
   * `'whole'` (default): the image at once; `'slide'`: windows of `inputSize`, whose logits are averaged
   * where they overlap, as the published evaluation does.
   */
  mode?: 'whole' | 'slide';
  /** `[height, width]` of a window in pixels, or that with channels. Default: as saved with the model, else [512, 512]. */
  inputSize?: readonly [number, number] | readonly [number, number, number];
  /**
   * From one window to the next, in pixels. Default: as saved with the model, with its windows; else two thirds of the
   * window's shorter side.
   */
  slideStride?: number;
  /**
   * What the shorter side of an image of pixels is resized to beforehand, unless the longer one would be
   * over 4 times as long; then that is. Null: the image keeps its size. Default: as saved with the model, else null.
   */
  shortSide?: number | null;
  /** Factors on the size of the image; the softmax outputs are averaged. Default [1]. */
  scales?: readonly number[];
  /** Whether each scale is also looked at mirrored, left to right. Default false. */
  flip?: boolean;
  /** `[height, width]` of the class map. Default: those of the image. */
  outputSize?: readonly [number, number];
  /** Names of the classes. Default: ADE20K's where `dataset` says so, else as saved with the model, else their numbers. */
  classes?: readonly string[];
  /** Colour of each class. Default: ADE20K's where `dataset` says so, else colours that differ. */
  palette?: readonly Colour[];
  /**
   * `'ADE20K'` gives classes and palette, for a model of as many classes (150); refused for others, unless `classes` are
   * given. Default: none.
   */
  dataset?: 'ADE20K';
  /**
   * Per-channel mean, RGB, for pixels in 0..1. Default: as the model's layers (`pixelMean`) or what is saved with it say,
   * else ImageNet's.
   */
  mean?: Colour;
  /** Per-channel deviation, likewise. */
  std?: Colour;
  /** Called with the share that is done, from 0 to 1. */
  onProgress?: (fraction: number) => void;
  /** Stops before the next window. */
  signal?: AbortSignal;
}

/** The names of its options, and of what else a record holds. */
export const SEGMENT_OPTIONS: OptionNames<
  SegmentOptions & Omit<SegmentationWeights, keyof SegmentOptions>
> = {
  mode: true,
  inputSize: true,
  slideStride: true,
  shortSide: true,
  scales: true,
  flip: true,
  outputSize: true,
  classes: true,
  palette: true,
  dataset: true,
  mean: true,
  std: true,
  onProgress: true,
  signal: true,
  name: true,
  size: true,
  head: true,
  fileName: true,
  sources: true,
  numClasses: true,
  pretrainedOn: true,
  kernelSize: true,
  headChannels: true,
  auxiliaryChannels: true,
  mIoU: true,
  mIoUMultiScale: true,
  dropPathRate: true,
  checkpointKey: true,
  license: true,
  paper: true,
  origin: true,
};

export const OWNER = 'segment';

/** Sizes that may be saved with a model. */
export const SEGMENTING_SIZES = ['shortSide', 'inputSize', 'slideStride'] as const;

/** `SegmentOptions` with what was left out filled in. */
export interface Settings {
  sliding: Sliding | null;
  shortSide: number | null;
  scales: readonly number[];
  flip: boolean;
  outputSize: Size;
  mean: Colour;
  std: Colour;
}

export function settingsOf(options: SegmentOptions, size: Size, owner = OWNER): Settings {
  const { mode = 'whole', scales = [1], flip = false, shortSide = null } = options;
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD, outputSize } = options;
  requireOneOf(owner, 'mode', mode, ['whole', 'slide']);
  const crop = requireSides(owner, 'inputSize', options.inputSize ?? [512, 512]);
  const stride = options.slideStride ?? Math.max(1, Math.floor((2 * Math.min(...crop)) / 3));
  requireInteger(owner, 'slideStride', stride, 1);
  if (stride > Math.min(...crop)) {
    throw new Error(
      `${owner}: slideStride is ${stride}, but windows are of ${crop.join(' x ')} pixels, so that some would ` +
        `be in none; give at most ${Math.min(...crop)}`,
    );
  }
  if (shortSide !== null) requireInteger(owner, 'shortSide', shortSide, 1);
  requireList(owner, 'scales', scales, 'factors such as [0.75, 1, 1.25]');
  requireArgument(owner, 'scales', scales, scales.length > 0, 'at least one factor');
  requireRanges(
    owner,
    scales.map((scale, i) => [`scales[${i}]`, scale, scale > 0, 'above 0'] as const),
  );
  requireArgument(owner, 'flip', flip, typeof flip === 'boolean', 'true or false');
  const such = '[R, G, B], of pixels in 0..1';
  requireStatistic(owner, 'mean', mean, false, such, 3);
  requireStatistic(owner, 'std', std, true, such, 3);
  if (options.onProgress !== undefined) requireFunction(owner, 'onProgress', options.onProgress);
  return {
    sliding: mode === 'slide' ? { crop, stride } : null,
    shortSide,
    scales,
    flip,
    outputSize: outputSize === undefined ? size : requireSides(owner, 'outputSize', outputSize),
    mean,
    std,
  };
}

/** Names and colours of classes. */
export interface Labels {
  classes: readonly string[];
  palette: readonly Colour[];
}

/** Those of the options, else of the data set, else numbers and colours that differ. */
export function labelsOf(options: SegmentOptions, count: number | null): Labels {
  const { dataset, classes, palette } = options;
  if (dataset !== undefined) requireOneOf(OWNER, 'dataset', dataset, ['ADE20K']);
  const ade = dataset === undefined ? undefined : ADE20K_CLASSES.length;
  const length = count ?? classes?.length ?? palette?.length ?? ade ?? 0;
  for (const [name, list] of Object.entries({ classes, palette })) {
    if (list === undefined) continue;
    requireList(OWNER, name, list, 'one per class');
    if (list.length === length) continue;
    throw new Error(
      `${OWNER}: ${name} has ${list.length} entries, but the model has ${length} classes; give one for each`,
    );
  }
  if (ade !== undefined && !classes) requireOwnClasses(OWNER, 'ADE20K', ade, length);
  const isAde = ade === length;
  const numbers = Array.from({ length }, (_, i) => i);
  return {
    classes: classes ?? (isAde ? ADE20K_CLASSES : numbers.map((i) => `class ${i}`)),
    palette: palette ?? (isAde ? ADE20K_PALETTE : numbers.map(colourOf)),
  };
}

/** Colours around the wheel, neighbours far from each other; dark and light in turn. */
export function colourOf(index: number): Colour {
  const hue = (index * 0.618034) % 1;
  const value = 255 - 60 * (Math.floor(index / 8) % 3);
  const channel = (shift: number) => {
    const at = (hue + shift) % 1;
    return Math.round(value * Math.min(1, Math.max(0, Math.abs(6 * at - 3) - 1)));
  };
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}
