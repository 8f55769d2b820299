/** A learning rate that falls with the root of the step, as transformers are trained. */
import { requireInteger, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type Schedule, updatesBefore } from './schedule_options';

/** Options of `inverseSquareRootSchedule`. */
export interface InverseSquareRootOptions {
  /** The highest learning rate, reached at the end of the warm-up. */
  peak: number;
  /** Steps in which the rate rises linearly from 0, from 1. */
  warmupSteps: number;
}

const OPTIONS: OptionNames<InverseSquareRootOptions> = {
  peak: true,
  warmupSteps: true,
};

/**
 * Rises linearly to `peak` over `warmupSteps`, then falls with the inverse square root of the step
 * (Vaswani et al. 2017, arXiv 1706.03762, section 5.3, whose own peak is
 * `(width * warmupSteps) ** -0.5`).
 *
 * @throws {Error} when an option is out of range, or a step is below 1
 */
export function inverseSquareRootSchedule(options: InverseSquareRootOptions): Schedule {
  requireOptions('inverseSquareRootSchedule', options, OPTIONS);
  const { peak, warmupSteps } = options;
  requireRanges('inverseSquareRootSchedule', [['peak', peak, peak > 0, 'above 0']]);
  requireInteger('inverseSquareRootSchedule', 'warmupSteps', warmupSteps, 1);
  return (step) => {
    updatesBefore('inverseSquareRootSchedule', step);
    return peak * Math.min(step / warmupSteps, Math.sqrt(warmupSteps / step));
  };
}
