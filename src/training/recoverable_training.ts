/** Training that goes on when the backend loses its device. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireFunction,
  requireInteger,
  requireList,
  requireModel,
} from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  BackendLostError,
  isBackendLost,
  requireBackend,
  restartBackend,
} from '../ops/engine/lost_backend';
import { keepTraining, restoreTraining } from './kept_training';
import type { SavesWeights, TrainingTarget } from './saved_training';

const OWNER = 'recoverableTraining';

/** Options of `recoverableTraining`. */
export interface RecoverableTrainingOptions {
  /** Number of steps to take from `firstStep` on, from 1: the last is `firstStep + steps - 1`. */
  steps: number;
  /** Number of the first step, from 0. Default 0. */
  firstStep?: number;
  /** Steps between two copies of weights and optimizer state on the CPU, from 1. Default 100. */
  keepEvery?: number;
  /** Losses of the device after which to give up, from 0. Default 10. */
  maxRecoveries?: number;
  /** Variables to keep beside the model's weights, such as averages of weights. Default none. */
  variables?: readonly tf.Variable[];
  /** Averages of the weights, such as `Ema`, to keep and to save as well. Default none. */
  ema?: SavesWeights;
  /**
   * Where to save, as `saveTraining` does: a path in Node, `'indexeddb://NAME'` in browsers. If training is
   * saved there already, it goes on from there. Saved after the last step, too. Default: nowhere.
   */
  saveTo?: TrainingTarget;
  /** Steps between two times of saving, from 1. Default 1000. */
  saveEvery?: number;
  /** Gives what else to save, plain JSON; called with the number of the next step. Default: nothing. */
  extra?: (nextStep: number) => unknown;
  /** Called when training goes on from where it was saved, before its first step. */
  onResume?: (nextStep: number, extra: unknown) => void | Promise<void>;
  /**
   * Called when training is about to go on after a loss.
   *
   * @param nextStep the step that it goes on from; those from there to the loss are taken once more
   */
  onRecovery?: (nextStep: number, error: BackendLostError) => void | Promise<void>;
}

const OPTIONS: OptionNames<RecoverableTrainingOptions> = {
  steps: true,
  firstStep: true,
  keepEvery: true,
  maxRecoveries: true,
  variables: true,
  ema: true,
  saveTo: true,
  saveEvery: true,
  extra: true,
  onResume: true,
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
 * @param model whose weights are kept
 * @param optimizer whose state is kept; it needs `getWeights` and `setWeights`
 * @param step takes one step, by `trainingStep`, `model.trainOnBatch` or `model.fit`; gets its number
 * @throws {Error} when an option is out of range, the optimizer cannot be saved, or the device was lost
 *   more than `maxRecoveries` times or does not start again
 * @throws {unknown} what `step` throws otherwise; an error of its own in place of a `BackendLostError` of
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
  requireModel(OWNER, model);
  const { getWeights } = (optimizer ?? {}) as Partial<tf.Optimizer>;
  const saves = typeof getWeights === 'function';
  requireArgument(OWNER, 'optimizer', optimizer, saves, 'a tf.Optimizer, such as AdamW');
  requireFunction(OWNER, 'step', step);
  const { steps, firstStep = 0, keepEvery = 100, maxRecoveries = 10, onRecovery } = options;
  if (options.variables != null) requireList(OWNER, 'variables', options.variables, 'variables');
  if (onRecovery != null) requireFunction(OWNER, 'onRecovery', onRecovery);
  requireInteger(OWNER, 'steps', steps, 1);
  requireInteger(OWNER, 'firstStep', firstStep, 0);
  requireInteger(OWNER, 'keepEvery', keepEvery, 1);
  requireInteger(OWNER, 'maxRecoveries', maxRecoveries, 0);
  requireVariables(options.variables ?? []);
  const variables = [
    ...new Set([
      ...model.weights.map((w) => w.read() as tf.Variable),
      ...(options.variables ?? []),
    ]),
  ];
  const end = firstStep + steps;
  let kept = await keepTraining(firstStep, variables, optimizer);
  let recoveries = 0;
  let next = firstStep;
  let loss: BackendLostError | undefined;
  while (next < end) {
    try {
      if (loss) {
        // A device may be lost again while what was kept is put back.
        await restartBackend();
        // Watches the new device from here on.
        requireBackend();
        await restoreTraining(kept, variables, optimizer);
        next = kept.nextStep;
        await onRecovery?.(next, loss);
        loss = undefined;
      }
      await step(next);
      requireBackend();
      next++;
      if ((next - firstStep) % keepEvery === 0 && next < end) {
        kept = await keepTraining(next, variables, optimizer);
      }
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

/** Asserts what a list of variables holds, before any step. */
function requireVariables(variables: readonly unknown[]): void {
  variables.forEach((variable, i) => {
    const fits = variable instanceof tf.Variable && !variable.isDisposed;
    const expected = 'a tf.Variable that is not disposed, such as tf.variable(...) makes';
    requireArgument(OWNER, `variables[${i}]`, variable, fits, expected);
  });
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
