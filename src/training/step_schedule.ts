/** A learning rate that falls at milestones: that of published detection. */
import { requireInteger, requireList, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type Schedule, updatesBefore } from './schedule_options';

const OWNER = 'stepSchedule';

/** Options of `stepSchedule`. */
export interface StepScheduleOptions {
  /** The highest learning rate, above 0. */
  peak: number;
  /** Numbers of steps after which the rate falls, from 0, rising. */
  milestones: readonly number[];
  /** Factor of every fall, in (0, 1]. Default 0.1. */
  factor?: number;
  /** Steps of the linear warm-up, from 0. Default 0. */
  warmupSteps?: number;
  /** Share of its rate that the first step of the warm-up has, in (0, 1]. Default 0.001, as published. */
  warmupRatio?: number;
}

const OPTIONS: OptionNames<StepScheduleOptions> = {
  peak: true,
  milestones: true,
  factor: true,
  warmupSteps: true,
  warmupRatio: true,
};

/**
 * Falls by a factor at milestones, with a linear warm-up on top, as mmdetection's `policy='step', warmup='linear'`
 * does it. With `t` the number of updates before a step (`step - 1`):
 *
 *     rate = peak * factor ** (how many milestones are at most t)
 *     t < warmupSteps:  rate * (1 - (1 - t / warmupSteps) * (1 - warmupRatio))
 *
 * @example
 * // published: 36 epochs, of which the last nine and the last three are slower
 * const milestones = [27 * stepsPerEpoch, 33 * stepsPerEpoch];
 * const schedule = stepSchedule({ peak: 2e-4, milestones, warmupSteps: 500 });
 * @throws {Error} when an option is out of range, or a step is below 1
 */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  requireOptions(OWNER, options, OPTIONS);
  const { peak, milestones, factor = 0.1, warmupSteps = 0, warmupRatio = 1e-3 } = options;
  requireList(OWNER, 'milestones', milestones, 'numbers of steps, rising');
  milestones.forEach((at, i) => requireInteger(OWNER, `milestones[${i}]`, at, 0));
  const isShare = (value: number) => value > 0 && value <= 1;
  requireRanges(OWNER, [
    ['peak', peak, peak > 0, 'above 0'],
    ...milestones.map((at, i) => {
      const before = i === 0 ? 0 : (milestones[i - 1] as number);
      return [`milestones[${i}]`, at, at >= before, `from the one before, ${before}`] as const;
    }),
    ['factor', factor, isShare(factor), 'in (0, 1]'],
    ['warmupRatio', warmupRatio, isShare(warmupRatio), 'in (0, 1]'],
  ]);
  requireInteger(OWNER, 'warmupSteps', warmupSteps, 0);
  const falls = [...milestones];
  return (step) => {
    const t = updatesBefore(OWNER, step);
    const rate = peak * factor ** falls.filter((at) => at <= t).length;
    return t < warmupSteps ? rate * (1 - (1 - t / warmupSteps) * (1 - warmupRatio)) : rate;
  };
}
