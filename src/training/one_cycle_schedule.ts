/** One rise and one long fall of the learning rate, as PyTorch's OneCycleLR defines them. */
import { requireOneOf, requireRanges } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  type FiniteScheduleOptions,
  requireFinite,
  type Schedule,
  updatesBefore,
} from './schedule_options';

const OWNER = 'oneCycleSchedule';

/** Options of `oneCycleSchedule`. */
export interface OneCycleScheduleOptions extends FiniteScheduleOptions {
  /** Share of the steps in which the rate rises (PyTorch's `pct_start`), in [0, 1]. Default 0.3. */
  riseShare?: number;
  /** `peak` divided by this is the first rate (`div_factor`), above 0. Default 25. */
  startDivisor?: number;
  /** The first rate divided by this is the last (`final_div_factor`), above 0. Default 1e4. */
  endDivisor?: number;
  /** Form of rise and fall (`anneal_strategy`). Default `'cosine'`. */
  form?: 'cosine' | 'linear';
  /**
   * Whether the rate falls to the first one as fast as it rose, and from there to the last
   * (`three_phase`); `riseShare` is then at most 0.5. Default false.
   */
  threePhase?: boolean;
}

const OPTIONS: OptionNames<OneCycleScheduleOptions> = {
  peak: true,
  steps: true,
  riseShare: true,
  startDivisor: true,
  endDivisor: true,
  form: true,
  threePhase: true,
};

/** A stretch of steps, which ends at a rate. */
interface Phase {
  /** Number of updates before the step that has the rate; not always whole. */
  end: number;
  rate: number;
}

/**
 * Rises from `peak / startDivisor` to `peak` and falls far below the first rate (Smith and Topin 2018,
 * arXiv 1708.07120), step by step the learning rates of `torch.optim.lr_scheduler.OneCycleLR`. The
 * momentum, which that one moves against the rate, stays with the optimizer. Behind the last step the
 * rate stays at the last one, where PyTorch throws.
 *
 * @throws {Error} when an option is out of range, or a step is below 1
 */
export function oneCycleSchedule(options: OneCycleScheduleOptions): Schedule {
  requireOptions(OWNER, options, OPTIONS);
  requireFinite(OWNER, options);
  const { peak, steps, riseShare = 0.3, startDivisor = 25, endDivisor = 1e4 } = options;
  const { form = 'cosine', threePhase = false } = options;
  const most = threePhase ? 0.5 : 1;
  requireRanges(OWNER, [
    ['riseShare', riseShare, riseShare >= 0 && riseShare <= most, `in [0, ${most}]`],
    ['startDivisor', startDivisor, startDivisor > 0, 'above 0'],
    ['endDivisor', endDivisor, endDivisor > 0, 'above 0'],
  ]);
  requireOneOf(OWNER, 'form', form, ['cosine', 'linear']);
  const first = peak / startDivisor;
  const phases: Phase[] = [
    { end: riseShare * steps - 1, rate: peak },
    ...(threePhase ? [{ end: 2 * riseShare * steps - 2, rate: first }] : []),
    { end: steps - 1, rate: first / endDivisor },
  ];
  return (step) => {
    const t = Math.min(updatesBefore(OWNER, step), steps - 1);
    let from: Phase = { end: 0, rate: first };
    for (const phase of phases) {
      if (t <= phase.end) return between(from, phase, t, form);
      from = phase;
    }
    return from.rate;
  };
}

function between(from: Phase, to: Phase, t: number, form: 'cosine' | 'linear'): number {
  // A rise of one step has no length, and PyTorch divides by it.
  const share = to.end > from.end ? (t - from.end) / (to.end - from.end) : 1;
  if (form === 'linear') return from.rate + (to.rate - from.rate) * share;
  return to.rate + ((from.rate - to.rate) * (1 + Math.cos(Math.PI * share))) / 2;
}
