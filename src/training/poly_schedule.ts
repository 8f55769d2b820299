/** A learning rate that falls as a power of the steps that are left: that of published segmentation. */
import { requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  type FiniteScheduleOptions,
  requireFinite,
  requireWarmup,
  type Schedule,
  updatesBefore,
} from './schedule_options';

const OWNER = 'polySchedule';

/** Options of `polySchedule`. */
export interface PolyScheduleOptions extends FiniteScheduleOptions {
  /** Power of the share of steps that are left, above 0. Default 1: a straight line. */
  power?: number;
  /** Rate at the end, from 0 to `peak`. Default 0. */
  minRate?: number;
  /** Steps of the linear warm-up, from 0. Default 0. */
  warmupSteps?: number;
  /** Share of its rate that the first step of the warm-up has, in (0, 1]. Default 1e-6, as published. */
  warmupRatio?: number;
}

const OPTIONS: OptionNames<PolyScheduleOptions> = {
  peak: true,
  steps: true,
  power: true,
  minRate: true,
  warmupSteps: true,
  warmupRatio: true,
};

/**
 * Falls as a power of the share of steps that are left, with a linear warm-up on top, as
 * mmsegmentation's `policy='poly', warmup='linear'` does it by iterations (Chen et al. 2017, arXiv
 * 1606.00915, section 4). With `t` the number of updates before a step (`step - 1`):
 *
 *     rate = (peak - minRate) * (1 - t / steps) ** power + minRate
 *     t < warmupSteps:  rate * (1 - (1 - t / warmupSteps) * (1 - warmupRatio))
 *
 * The fall goes on during the warm-up, so that `peak` itself is never quite reached with one. Behind the
 * last step the rate stays at `minRate`.
 *
 * @example
 * // published for UPerNet with RevCol-T, 160,000 iterations of 16 images
 * const schedule = polySchedule({ peak: 6e-5, steps: 160_000, warmupSteps: 1500 });
 * @throws {Error} when an option is out of range, or a step is below 1
 */
export function polySchedule(options: PolyScheduleOptions): Schedule {
  requireOptions(OWNER, options, OPTIONS);
  requireFinite(OWNER, options);
  const { peak, steps, power = 1, minRate = 0, warmupSteps = 0, warmupRatio = 1e-6 } = options;
  requireWarmup(OWNER, warmupSteps, steps);
  requireRanges(OWNER, [
    ['power', power, power > 0, 'above 0'],
    ['minRate', minRate, minRate >= 0 && minRate <= peak, `from 0 to peak, ${peak}`],
    ['warmupRatio', warmupRatio, warmupRatio > 0 && warmupRatio <= 1, 'in (0, 1]'],
  ]);
  return (step) => {
    const t = updatesBefore(OWNER, step);
    const rate = (peak - minRate) * Math.max(0, 1 - t / steps) ** power + minRate;
    return t < warmupSteps ? rate * (1 - (1 - t / warmupSteps) * (1 - warmupRatio)) : rate;
  };
}
