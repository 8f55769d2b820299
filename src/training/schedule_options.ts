/** What the learning-rate schedules have in common: their type, and checks of options and steps. */
import { requireInteger, requireRanges } from '../common/arguments';

/**
 * Learning rate of a step. Steps count from 1, as in papers: step 1 is the first update, and the number
 * of a step is what the optimizer's count of updates is after it. A loop that counts from 0 asks for
 * `schedule(step + 1)`.
 */
export type Schedule = (step: number) => number;

/** Options that all schedules with an end have. */
export interface FiniteScheduleOptions {
  /** The highest learning rate, above 0. */
  peak: number;
  /** Number of steps of the whole training, warm-up included, from 1. */
  steps: number;
}

/** @throws {Error} when `peak` or `steps` is out of range */
export function requireFinite(owner: string, { peak, steps }: FiniteScheduleOptions): void {
  requireRanges(owner, [['peak', peak, peak > 0, 'above 0']]);
  requireInteger(owner, 'steps', steps, 1);
}

/** @throws {Error} when it is no integer from 0 that leaves a step behind the warm-up */
export function requireWarmup(owner: string, warmupSteps: number, steps: number): void {
  requireInteger(owner, 'warmupSteps', warmupSteps, 0);
  if (warmupSteps < steps) return;
  throw new Error(
    `${owner}: warmupSteps is ${warmupSteps} of ${steps} steps; expected fewer than there are steps`,
  );
}

/**
 * Number of updates before a step, which is what published code that counts from 0 calls the step.
 *
 * @throws {Error} when the step is below 1
 */
export function updatesBefore(owner: string, step: number): number {
  if (step >= 1) return step - 1;
  throw new Error(`${owner}: step is ${step}; steps count from 1`);
}
