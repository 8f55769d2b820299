/** What fine-tuning of a segmenter can be told. */
import type { SegmentationTransformOptions } from '../../augmentation/segmentation_transform';
import { requireOneOf, requireRanges } from '../../common/arguments';
import { type OptionNames, requireOptions } from '../../common/options';
import type { SegmentationSource } from '../../data/segmentation_source';
import { SEGMENTING_OPTIONS, type SegmentingOptions } from '../../models/evaluate_segmenter';
import { settingsOf } from '../../models/segment_options';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { requireStatisticsOptions } from '../base/given';
import { requireRunOptions, RUN_OPTIONS, type RunSettings } from '../base/options';

/** How pictures and their labels are changed before each step. */
export type SegmentationAugmentation = Omit<SegmentationTransformOptions, 'ignoreLabel'>;

/** Options of `fineTuneSegmenter`. Those that it shares with `fineTune` mean the same, with other defaults. */
export interface FineTuneSegmenterOptions extends RunSettings {
  /**
   * What is looked at after every epoch: labelled pictures of the same classes, or the share of the pictures that is
   * kept for it, in [0, 1). Default: as for `fineTune`. With 0 there is none, and the last weights count as the best.
   */
  validation?: SegmentationSource | number;
  /**
   * How pictures and labels are changed: what is given takes the place of the published. `'none'`: a crop at random
   * is all. Default: as `segmentationTransform`, with crops of the model's size where that is fixed, else of the size
   * that it was trained at before, else as the published segmenter was trained, else of 512 pixels.
   */
  augment?: SegmentationAugmentation | 'none';
  /** By how much the loss of an auxiliary head counts, from 0. Default 0.4, as published. */
  auxiliaryWeight?: number;
  /** Power of the schedule, above 0, see `polySchedule`. Default 1. */
  power?: number;
  /**
   * How the pictures for validation are segmented. Default: whole, at the size that they were trained at; windows are as
   * large as crops.
   */
  segmenting?: Omit<SegmentingOptions, 'mean' | 'std'>;
  /** By what pixels are normalised. Default: what is known of the model. */
  preprocessing?: Pick<PreprocessOptions, 'mean' | 'std'>;
}

const OPTIONS: OptionNames<FineTuneSegmenterOptions> = {
  ...RUN_OPTIONS,
  validation: true,
  augment: true,
  auxiliaryWeight: true,
  power: true,
  segmenting: true,
  preprocessing: true,
};

/** @throws {Error} when an option is unknown or out of range, or two of them do not go together */
export function requireSegmenterOptions(owner: string, options: FineTuneSegmenterOptions): void {
  requireOptions(owner, options, OPTIONS);
  requireRunOptions(owner, options);
  const { augment, auxiliaryWeight = 0.4, power = 1, segmenting, preprocessing } = options;
  if (typeof augment === 'string') requireOneOf(owner, 'augment', augment, ['none']);
  requireRanges(owner, [
    ['auxiliaryWeight', auxiliaryWeight, auxiliaryWeight >= 0, 'from 0'],
    ['power', power, power > 0, 'above 0'],
  ]);
  if (segmenting !== undefined) {
    requireOptions(`${owner}: segmenting`, segmenting, SEGMENTING_OPTIONS);
    settingsOf(segmenting, [1, 1], `${owner}: segmenting`);
  }
  requireStatisticsOptions(owner, preprocessing);
}
