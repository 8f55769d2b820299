/** Setting an optimizer's learning rate, by hand and from step to step of `model.fit`. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireFunction,
  requireInteger,
  requireRanges,
} from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { FitCallback } from './fit_callback';
import type { Schedule } from './schedule_options';

/** What optimizers with a learning rate have: this package's a property, tfjs's SGD a method beside it. */
interface HasRate {
  learningRate: number;
  setLearningRate?(rate: number): void;
}

/**
 * Sets the learning rate of this package's optimizers and of all of tfjs's, from their next step on.
 *
 * @param rate from 0
 * @throws {Error} when the optimizer has no learning rate, or the rate is out of range
 */
export function setLearningRate(optimizer: tf.Optimizer, rate: number): void {
  const owner = 'setLearningRate';
  const own = optimizer as unknown as Partial<HasRate> | undefined;
  const fits = typeof own?.learningRate === 'number';
  requireArgument(
    owner,
    'optimizer',
    optimizer,
    fits,
    'one with a learning rate, such as AdamW or tf.train.sgd(0.1)',
  );
  requireRanges(owner, [['rate', rate, rate >= 0, 'from 0']]);
  // tfjs's SGD and momentum keep the rate in a tensor as well.
  if (typeof own?.setLearningRate === 'function') own.setLearningRate(rate);
  else (own as HasRate).learningRate = rate;
}

/** Options of `scheduleCallback`. */
export interface ScheduleCallbackOptions {
  /** Number of the first step of the next `fit`, from 1: one that goes on gives it. Default 1. */
  firstStep?: number;
}

const OPTIONS: OptionNames<ScheduleCallbackOptions> = { firstStep: true };

/**
 * A callback of `model.fit` and `model.fitDataset` that sets the learning rate of the model's optimizer
 * before every batch. It counts the batches that it has seen, so that with several calls of `fit` the
 * same callback goes on where it was.
 *
 * @example
 * const schedule = cosineSchedule({ peak: 1e-3, steps: 300 * 50, warmupSteps: 20 * 50 });
 * await model.fit(x, y, { epochs: 300, batchSize: 20, callbacks: [scheduleCallback(schedule)] });
 * @param schedule a function of the step, counted from 1
 * @throws {Error} when the schedule is no function or an option is out of range; in `fit`, when the
 *   optimizer has no learning rate or the schedule gives none for a step
 */
export function scheduleCallback(
  schedule: Schedule,
  options: ScheduleCallbackOptions = {},
): tfl.CustomCallback {
  requireFunction('scheduleCallback', 'schedule', schedule);
  requireOptions('scheduleCallback', options, OPTIONS);
  const { firstStep = 1 } = options;
  requireInteger('scheduleCallback', 'firstStep', firstStep, 1);
  let step = firstStep;
  return new FitCallback({
    before: (model) => {
      setLearningRate(model.optimizer, schedule(step));
      step++;
    },
  });
}
