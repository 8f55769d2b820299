/** What fine-tuning of a detector can be told. */
import {
  detectionTransform,
  type DetectionTransformOptions,
} from '../../augmentation/detection_transform';
import { requireList, requireOneOf, requireRanges } from '../../common/arguments';
import { type OptionNames, requireOptions } from '../../common/options';
import type { ObjectSource } from '../../data/object_source';
import { settingsOf } from '../../models/detect_options';
import type { DetectionTraining } from '../../models/detection_targets';
import { DETECTING_OPTIONS, type DetectingOptions } from '../../models/evaluate_detector';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { requireStatisticsOptions } from '../base/given';
import { requireRunOptions, RUN_OPTIONS, type RunSettings } from '../base/options';

/** Options of `fineTuneDetector`. Those that it shares with `fineTune` mean the same, with other defaults. */
export interface FineTuneDetectorOptions extends RunSettings {
  /**
   * What is looked at after every epoch: pictures with objects of the same classes, or the share of the pictures that
   * is kept for it, in [0, 1). Default: as for `fineTune`. With 0 there is none, and the last weights count as the best.
   */
  validation?: ObjectSource | number;
  /**
   * How pictures and objects are changed, see `detectionTransform`. `'none'`: they are resized to 800 pixels, 1333 at
   * most for the longer side. Default: as published.
   */
  augment?: DetectionTransformOptions | 'none';
  /** How anchors and regions are assigned, chosen and weighed, as `detectionStep` takes it. Default: as published. */
  training?: Partial<DetectionTraining>;
  /**
   * Shares of the steps of a phase after which the rate falls to a tenth, rising, each from 0 to 1. Default [3/4, 11/12],
   * as published: after 27 and 33 of 36 epochs.
   */
  milestones?: readonly number[];
  /** How the pictures for validation are searched. Default: resized to the largest size of `augment`. */
  detecting?: Omit<DetectingOptions, 'mean' | 'std'>;
  /** By what pixels are normalised. Default: what is known of the model. */
  preprocessing?: Pick<PreprocessOptions, 'mean' | 'std'>;
}

const OPTIONS: OptionNames<FineTuneDetectorOptions> = {
  ...RUN_OPTIONS,
  validation: true,
  augment: true,
  training: true,
  milestones: true,
  detecting: true,
  preprocessing: true,
};

/** @throws {Error} when an option is unknown or out of range, or two of them do not go together */
export function requireDetectorOptions(owner: string, options: FineTuneDetectorOptions): void {
  requireOptions(owner, options, OPTIONS);
  requireRunOptions(owner, options);
  const { augment, milestones, detecting } = options;
  if (typeof augment === 'string') requireOneOf(owner, 'augment', augment, ['none']);
  else if (augment !== undefined) detectionTransform(augment);
  if (milestones !== undefined) requireMilestones(owner, milestones);
  if (detecting !== undefined) {
    requireOptions(`${owner}: detecting`, detecting, DETECTING_OPTIONS);
    settingsOf(detecting, `${owner}: detecting`);
  }
  requireStatisticsOptions(owner, options.preprocessing);
}

function requireMilestones(owner: string, milestones: readonly number[]): void {
  requireList(owner, 'milestones', milestones, 'shares of the steps, rising');
  requireRanges(
    owner,
    milestones.map((at, i) => {
      const before = milestones[i - 1] ?? 0;
      const range = `from ${i === 0 ? '0' : 'the one before'} to 1`;
      return [`milestones[${i}]`, at, at >= before && at <= 1, range] as const;
    }),
  );
}
