/** Warm-up, then half a cosine: the learning rate of the published image classifiers. */
import { requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  type FiniteScheduleOptions,
  requireFinite,
  requireWarmup,
  type Schedule,
  updatesBefore,
} from './schedule_options';

const OWNER = 'cosineSchedule';

/** Options of `cosineSchedule`. */
export interface CosineScheduleOptions extends FiniteScheduleOptions {
  /** Steps in which the rate rises linearly from `warmupRate` to `peak`, from 0. Default 0. */
  warmupSteps?: number;
  /** Rate of the first step of the warm-up, from 0. Default 0. */
  warmupRate?: number;
  /** Rate that the cosine ends with, from 0 to `peak`. Default 0. */
  minRate?: number;
}

const OPTIONS: OptionNames<CosineScheduleOptions> = {
  peak: true,
  steps: true,
  warmupSteps: true,
  warmupRate: true,
  minRate: true,
};

/**
 * Rises linearly over `warmupSteps`, then falls along half a cosine (Loshchilov and Hutter 2017, arXiv
 * 1608.03983, without restarts), anew for each step, as the published training does it. With `t` the
 * number of updates before a step (`step - 1`):
 *
 *     t < warmupSteps:  warmupRate + (peak - warmupRate) * t / warmupSteps
 *     otherwise:        minRate + (peak - minRate) * (1 + cos(pi * u)) / 2,
 *                       u = (t - warmupSteps) / (steps - warmupSteps), at most 1
 *
 * So the first step has `warmupRate`, and step `warmupSteps + 1` has `peak`. Behind the last step the
 * rate stays at `minRate`.
 *
 * @example
 * // the published rates of RevCol-T at a total batch of 1024 images: 300 epochs, 20 of them warm-up
 * const perEpoch = 1251;
 * const schedule = cosineSchedule({
 *   peak: 1e-3,
 *   steps: 300 * perEpoch,
 *   warmupSteps: 20 * perEpoch,
 *   warmupRate: 1e-5,
 *   minRate: 1e-6,
 * });
 * @throws {Error} when an option is out of range, or a step is below 1
 */
export function cosineSchedule(options: CosineScheduleOptions): Schedule {
  requireOptions(OWNER, options, OPTIONS);
  requireFinite(OWNER, options);
  const { peak, steps, warmupSteps = 0, warmupRate = 0, minRate = 0 } = options;
  requireWarmup(OWNER, warmupSteps, steps);
  requireRanges(OWNER, [
    ['warmupRate', warmupRate, warmupRate >= 0, 'from 0'],
    ['minRate', minRate, minRate >= 0 && minRate <= peak, `from 0 to peak, ${peak}`],
  ]);
  return (step) => {
    const t = updatesBefore(OWNER, step);
    if (t < warmupSteps) return warmupRate + ((peak - warmupRate) * t) / warmupSteps;
    const done = Math.min(1, (t - warmupSteps) / (steps - warmupSteps));
    return minRate + ((peak - minRate) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}
