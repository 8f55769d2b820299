/** Training that goes on when the backend loses its device, or the process has been stopped. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireFunction, requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  BackendLostError,
  isBackendLost,
  requireBackend,
  restartBackend,
} from '../ops/engine/lost_backend';
import { keepTraining, restoreTraining } from './kept_training';
import { distinctVariables } from './model_variables';
import { SAVED_STEPS_OPTIONS, SavedSteps, type SavedStepsOptions } from './saved_steps';
import type { SavesWeights } from './saved_training';
import { requireParts } from './training_parts';

const OWNER = 'recoverableTraining';

/** Options of `recoverableTraining`. */
export interface RecoverableTrainingOptions extends SavedStepsOptions {
  /** Number of steps to take from `firstStep` on, from 1: the last is `firstStep + steps - 1`. */
  steps: number;
  /** Number of the first step, from 0. Default 0. */
  firstStep?: number;
  /** Steps between two copies of weights and optimizer state on the CPU, from 1. Default 100. */
  keepEvery?: number;
  /** Losses of the device after which to give up, from 0. Default 10. */
  maxRecoveries?: number;
  /** Variables to keep beside the model's weights. Default none. */
  variables?: readonly tf.Variable[];
  /** Averages of the weights, such as `Ema`, to keep as well. Default none. */
  ema?: SavesWeights;
  /**
   * Called when training is about to go on after a loss.
   *
   * @param nextStep the step that it goes on from; those from there to the loss are taken once more
   */
  onRecovery?: (nextStep: number, error: BackendLostError) => void | Promise<void>;
}

const OPTIONS: OptionNames<RecoverableTrainingOptions> = {
  ...SAVED_STEPS_OPTIONS,
  steps: true,
  firstStep: true,
  keepEvery: true,
  maxRecoveries: true,
  variables: true,
  ema: true,
  onRecovery: true,
};

/**
 * Takes steps of training, and goes on when the backend loses its device, as webgl and webgpu do when
 * a phone switches apps, a laptop sleeps or a driver crashes: it copies the model's weights and the
 * optimizer's state to the CPU every so many steps, and after a loss starts the backend anew, gives
 * the same model and optimizer what was kept, and goes on from the step after it. Where steps depend
 * on nothing but their number, the result is what it is without a loss.
 *
 * All other tensors of the lost device are gone. So `step` makes its inputs from values on the CPU.
 *
 * With `saveTo` it outlives the process as well: what `saveTraining` saves is written there before the first
 * step, every so many steps and after the last, and where something is saved when it is called, training
 * goes on from there. Draws in a step follow its number by the option `seed` of `trainingStep`, or by
 * `seedTraining`; the order of examples by `epochOrder`.
 *
 * @param model whose weights are kept
 * @param optimizer whose state is kept; it needs `getWeights` and `setWeights`
 * @param step takes one step, by `trainingStep`, `model.trainOnBatch` or `model.fit`; gets its number
 * @throws {Error} when an option is out of range, the optimizer cannot be saved, or the device was lost
 *   more than `maxRecoveries` times or does not start again
 * @throws {CheckpointError} what `saveTraining` and `loadTraining` throw
 * @throws {unknown} `signal.reason` when stopped; what `step` throws otherwise; an error of its own in place of a `BackendLostError` of
 *   another backend than the one in use
 *
 * @example
 * await recoverableTraining(model, optimizer, async (step) => {
 *   const [x, y] = batch(step); // from arrays
 *   try {
 *     const loss = trainingStep(model, optimizer, x, (out) => tf.losses.softmaxCrossEntropy(y, out));
 *     console.log((await loss.data())[0]);
 *     loss.dispose();
 *   } finally {
 *     tf.dispose([x, y]); // also those of a step that failed
 *   }
 * }, { steps: 1000, keepEvery: 50 });
 */
export async function recoverableTraining(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  step: (step: number) => void | Promise<void>,
  options: RecoverableTrainingOptions,
): Promise<void> {
  requireOptions(OWNER, options, OPTIONS);
  const { variables, ema } = options;
  requireParts(OWNER, { model, optimizer, variables, ema });
  requireFunction(OWNER, 'step', step);
  const { steps, firstStep = 0, keepEvery = 100, maxRecoveries = 10, onRecovery } = options;
  if (onRecovery != null) requireFunction(OWNER, 'onRecovery', onRecovery);
  requireInteger(OWNER, 'steps', steps, 1);
  requireInteger(OWNER, 'firstStep', firstStep, 0);
  requireInteger(OWNER, 'keepEvery', keepEvery, 1);
  requireInteger(OWNER, 'maxRecoveries', maxRecoveries, 0);
  const end = firstStep + steps;
  const saves = new SavedSteps(OWNER, { model, optimizer, ema, variables }, options, end);
  const changing = {
    variables: [...new Set([...distinctVariables(model.weights), ...(variables ?? [])])],
    optimizer,
    ema,
  };
  let next = await saves.resume(firstStep);
  let kept = await keepTraining(next, changing);
  let recoveries = 0;
  let loss: BackendLostError | undefined;
  while (next < end || loss) {
    try {
      if (loss) {
        // A device may be lost again while what was kept is put back.
        await restartBackend();
        // Watches the new device from here on.
        requireBackend();
        await restoreTraining(kept, changing);
        next = kept.nextStep;
        await onRecovery?.(next, loss);
        loss = undefined;
      }
      await saves.stopHere(next);
      await step(next);
      requireBackend();
      next++;
      if ((next - firstStep) % keepEvery === 0 && next < end) {
        kept = await keepTraining(next, changing);
      }
      await saves.after(next, next - firstStep);
    } catch (error) {
      // Whatever a step made of it, a lost device is why. webgpu tells of it a little later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (!isBackendLost()) throw notLost(error, next);
      loss = new BackendLostError(tf.getBackend());
      if (++recoveries > maxRecoveries) {
        throw new Error(
          `${OWNER}: the device of backend '${tf.getBackend()}' was lost ${recoveries} times, more than ` +
            `maxRecoveries ${maxRecoveries}; train on another backend, or with smaller batches`,
          { cause: error },
        );
      }
    }
  }
}

/** What a step threw while the device in use lives, or what to say of it. */
function notLost(error: unknown, step: number): unknown {
  if (!(error instanceof BackendLostError)) return error;
  return new Error(
    `${OWNER}: step ${step} failed as if backend '${error.backendName}' had lost its device, but ` +
      `'${tf.getBackend()}', the backend in use, has not; expected steps on one backend, whose tensors ` +
      `are made in the step. A BackendLostError of one's own starts no recovery`,
    { cause: error },
  );
}
