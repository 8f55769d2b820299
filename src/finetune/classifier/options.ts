/** What fine-tuning of a classifier can be told. */
import { requireRate } from '../../common/arguments';
import { parseBytes } from '../../common/bytes';
import { type OptionNames, requireOptions } from '../../common/options';
import { requireClassNames } from '../../data/class_names';
import type { ClassificationData } from '../../data/classification_data';
import { PREPROCESS_OPTIONS, type PreprocessOptions } from '../../preprocessing/fit_image';
import { requireGivenStatistics } from '../base/given';
import { requireRunOptions, RUN_OPTIONS, type RunSettings } from '../base/options';
import { type Augmentation, requireAugmentation } from './augmentation';

/** Options of `fineTune`. */
export interface FineTuneOptions extends RunSettings {
  /**
   * What is looked at after every epoch: examples of the same classes, or the share of the examples that is
   * kept for it, in [0, 1), from every class alike. Default: a fifth of fewer than 2,000 examples, a
   * tenth of more, 5,000 at most. With 0 there is none, and the last weights count as the best.
   */
  validation?: ClassificationData | number;
  /**
   * Most bytes that tensors may take at any time: a number, or such as `'2GB'`. Examples of a step are then
   * computed in parts that fit, whose gradients are added up. Default: no limit.
   */
  memory?: number | string;
  /** Share of the target that is spread over all classes, in [0, 1). Default 0.1. */
  labelSmoothing?: number;
  /**
   * How pictures are changed before each step: how much; or what, as options of `trainingTransform`, such as
   * `{ flip: 0 }` where left and right differ; or by a function. Default: `'light'` for pictures of at most 64
   * pixels and for more than 50,000 of them, else `'medium'`. Tensors are never changed.
   */
  augment?: Augmentation;
  /** Names by class, for data that have none. */
  classNames?: readonly string[];
  /** How pictures become input. Default: what is known of the model. */
  preprocessing?: PreprocessOptions;
}

const OPTIONS: OptionNames<FineTuneOptions> = {
  ...RUN_OPTIONS,
  validation: true,
  memory: true,
  labelSmoothing: true,
  augment: true,
  classNames: true,
  preprocessing: true,
};

/** @throws {Error} when an option is unknown or out of range, or two of them do not go together */
export function requireFineTuneOptions(owner: string, options: FineTuneOptions): void {
  requireOptions(owner, options, OPTIONS);
  const { memory, augment, labelSmoothing, preprocessing } = options;
  if (memory !== undefined) parseBytes(owner, 'memory', memory);
  if (options.classNames !== undefined) requireClassNames(owner, options.classNames);
  requireRunOptions(owner, options);
  if (labelSmoothing !== undefined) requireRate(owner, 'labelSmoothing', labelSmoothing);
  // Also where the examples are tensors, to which they do nothing.
  if (augment !== undefined) requireAugmentation(owner, augment);
  if (preprocessing !== undefined) {
    requireOptions(`${owner}: preprocessing`, preprocessing, PREPROCESS_OPTIONS);
    requireGivenStatistics(owner, preprocessing);
  }
}
