/** How to detect: options, and what they mean for a picture. */
import {
  requireArgument,
  requireFunction,
  requireInteger,
  requireList,
  requireOneOf,
  requireRanges,
} from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireStatistic } from '../common/pixel_statistics';
import { COCO_CLASSES } from '../registry/coco';
import type { DetectionWeights } from '../registry/detection';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import type { ObjectSettings } from './cascade';
import { requireOwnClasses } from './dataset_classes';
import { PROPOSALS, type ProposalSettings } from './proposals';

/** How to detect. The record of a published detector is one: `detectionWeights(name)`. */
export interface DetectOptions {
  /** Objects whose score is not above this are left out, from 0 to 1. Default 0.05, as published. */
  scoreThreshold?: number;
  /** Objects of a picture at most: the best. Default 100, as published. */
  maxDetections?: number;
  /**
   * Of objects of a class that overlap by more than this (intersection over union) the best stays, from 0 to 1.
   * Default 0.5, as published.
   */
  overlap?: number;
  /** Proposals that the heads look at, at most, and of each level. Default 1000, as published. */
  proposals?: number;
  /** Whether to find masks, too. Default true. */
  masks?: boolean;
  /** A pixel belongs to an object from this probability on, above 0 and below 1. Default 0.5. */
  maskThreshold?: number;
  /** What the shorter side of a picture is resized to, in pixels, unless `longSide` says less. Default: as saved with the model, else 800. */
  shortSide?: number;
  /**
   * What the longer side may have at most. Default: as saved with the model, else 1333; with a `shortSide` that is given
   * 1333/800 of that at least, which it could not be otherwise.
   */
  longSide?: number;
  /** Names of the classes. Default: COCO's where `dataset` says so, else as saved with the model, else their numbers. */
  classes?: readonly string[];
  /**
   * `'COCO'` gives the names of the classes, for a model of as many (80); refused for others, unless `classes` are
   * given. Default: none.
   */
  dataset?: 'COCO';
  /**
   * Per-channel mean, RGB, for pixels in 0..1. Default: as the model's layers (`pixelMean`) or what is saved with it say,
   * else ImageNet's.
   */
  mean?: readonly [number, number, number];
  /** Per-channel deviation, likewise. */
  std?: readonly [number, number, number];
  /** Called with the share that is done, from 0 to 1. */
  onProgress?: (fraction: number) => void;
  /** Stops before the next part of the model. */
  signal?: AbortSignal;
}

/** The names of its options, and of what else a record holds. */
const OPTIONS: OptionNames<DetectOptions & Omit<DetectionWeights, keyof DetectOptions>> = {
  scoreThreshold: true,
  maxDetections: true,
  overlap: true,
  proposals: true,
  masks: true,
  maskThreshold: true,
  shortSide: true,
  longSide: true,
  classes: true,
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
  inputSize: true,
  numClasses: true,
  pretrainedOn: true,
  kernelSize: true,
  pyramidChannels: true,
  hiddenChannels: true,
  boxAP: true,
  maskAP: true,
  dropPathRate: true,
  checkpointKey: true,
  license: true,
  paper: true,
  origin: true,
};

export const OWNER = 'detect';

/** Sizes that pictures are resized to, as published. */
const [SHORT_SIDE, LONG_SIDE] = [800, 1333];

/**
 * `longSide` of a `shortSide` that is given without one.
 *
 * @param own what is there for other reasons: saved with a model, published, of training
 */
export function longSideFor(shortSide: number, own = LONG_SIDE): number {
  return Math.max(own, longerSide(shortSide));
}

/** The longer side of a shorter one, as published. */
export function longerSide(shortSide: number): number {
  return Math.round((LONG_SIDE / SHORT_SIDE) * shortSide);
}

/** Sizes that may be saved with a model. */
export const DETECTING_SIZES = ['shortSide', 'longSide'] as const;

/** `DetectOptions` with what was left out filled in. */
export interface DetectSettings {
  proposals: ProposalSettings;
  objects: ObjectSettings;
  masks: boolean;
  maskThreshold: number;
  shortSide: number;
  longSide: number;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** @throws {Error} when an option is unknown or out of range */
export function settingsOf(options: DetectOptions, owner = OWNER): DetectSettings {
  requireOptions(owner, options, OPTIONS);
  const { scoreThreshold = 0.05, maxDetections = 100, overlap = 0.5, proposals = 1000 } = options;
  const { masks = true, maskThreshold = 0.5, shortSide = SHORT_SIDE } = options;
  const { longSide = LONG_SIDE } = options;
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD } = options;
  const isShare = (value: number) => value >= 0 && value <= 1;
  requireRanges(owner, [
    ['scoreThreshold', scoreThreshold, isShare(scoreThreshold), 'from 0 to 1'],
    ['overlap', overlap, isShare(overlap), 'from 0 to 1'],
    ['maskThreshold', maskThreshold, maskThreshold > 0 && maskThreshold < 1, 'above 0 and below 1'],
  ]);
  requireInteger(owner, 'maxDetections', maxDetections, 0);
  requireInteger(owner, 'proposals', proposals, 1);
  requireInteger(owner, 'shortSide', shortSide, 1);
  requireInteger(owner, 'longSide', longSide, 1);
  requireArgument(owner, 'masks', masks, typeof masks === 'boolean', 'true or false');
  const such = '[R, G, B], of pixels in 0..1';
  requireStatistic(owner, 'mean', mean, false, such, 3);
  requireStatistic(owner, 'std', std, true, such, 3);
  if (options.onProgress !== undefined) requireFunction(owner, 'onProgress', options.onProgress);
  return {
    proposals: { ...PROPOSALS, perLevel: proposals, most: proposals },
    objects: { score: scoreThreshold, threshold: overlap, most: maxDetections },
    masks,
    maskThreshold,
    shortSide,
    longSide,
    mean,
    std,
  };
}

/**
 * Names of the classes.
 *
 * @throws {Error} when there are not as many as the model has classes
 */
export function classNames({ dataset, classes }: DetectOptions, count: number): readonly string[] {
  if (dataset !== undefined) requireOneOf(OWNER, 'dataset', dataset, ['COCO']);
  if (classes !== undefined) {
    requireList(OWNER, 'classes', classes, 'names, one per class');
    if (classes.length === count) return classes;
    throw new Error(
      `${OWNER}: classes has ${classes.length} entries, but the model has ${count} classes; give one for each`,
    );
  }
  if (dataset !== undefined) {
    requireOwnClasses(OWNER, dataset, COCO_CLASSES.length, count);
    return COCO_CLASSES;
  }
  return Array.from({ length: count }, (_, i) => `class ${i}`);
}
