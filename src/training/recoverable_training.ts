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
  readTensor,
  requireBackend,
  restartBackend,
} from '../ops/engine/lost_backend';

const OWNER = 'recoverableTraining';

/** Options of `recoverableTraining`. */
export interface RecoverableTrainingOptions {
  /** Number of steps, from 1. */
  steps: number;
  /** Number of the first step, from 0. Default 0. */
  firstStep?: number;
  /** Steps between two copies of weights and optimizer state on the CPU, from 1. Default 100. */
  keepEvery?: number;
  /** Losses of the device after which to give up, from 0. Default 10. */
  maxRecoveries?: number;
  /** Variables to keep beside the model's weights, such as averages of weights. Default none. */
  variables?: readonly tf.Variable[];
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
  onRecovery: true,
};

/** Values on the CPU. */
interface Kept {
  nextStep: number;
  /** Of the variables, in their order. */
  values: tf.TypedArray[];
  /** Of the optimizer. */
  state: { name: string; shape: number[]; dtype: tf.DataType; values: tf.TypedArray }[];
}

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
 * @throws {unknown} what `step` throws otherwise
 *
 * @example
 * await recoverableTraining(model, optimizer, async (step) => {
 *   const [x, y] = batch(step); // from arrays
 *   const loss = trainingStep(model, optimizer, x, (out) => tf.losses.softmaxCrossEntropy(y, out));
 *   console.log((await loss.data())[0]);
 *   tf.dispose([x, y, loss]);
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
  const variables = [
    ...new Set([
      ...model.weights.map((w) => w.read() as tf.Variable),
      ...(options.variables ?? []),
    ]),
  ];
  const end = firstStep + steps;
  let kept = await keep(firstStep, variables, optimizer);
  let recoveries = 0;
  let next = firstStep;
  while (next < end) {
    try {
      await step(next);
      requireBackend();
      next++;
      if ((next - firstStep) % keepEvery === 0 && next < end) {
        kept = await keep(next, variables, optimizer);
      }
    } catch (error) {
      // Whatever a step made of it, a lost device is why. webgpu tells of it a little later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (!isBackendLost()) throw error;
      const loss = new BackendLostError(tf.getBackend());
      if (++recoveries > maxRecoveries) {
        throw new Error(
          `${OWNER}: the device of backend '${tf.getBackend()}' was lost ${recoveries} times, more than ` +
            `maxRecoveries ${maxRecoveries}; train on another backend, or with smaller batches`,
          { cause: error },
        );
      }
      await restartBackend();
      await restore(kept, variables, optimizer);
      next = kept.nextStep;
      await onRecovery?.(next, loss);
    }
  }
}

/** Copies of everything, or none where the device is lost meanwhile. */
async function keep(
  nextStep: number,
  variables: readonly tf.Variable[],
  optimizer: tf.Optimizer,
): Promise<Kept> {
  requireBackend();
  const saved = await optimizer.getWeights();
  const copy = async (tensor: tf.Tensor) => (await readTensor(tensor)).slice() as tf.TypedArray;
  return {
    nextStep,
    values: await Promise.all(variables.map(copy)),
    state: await Promise.all(
      saved.map(async ({ name, tensor }) => ({
        name,
        shape: tensor.shape,
        dtype: tensor.dtype,
        values: await copy(tensor),
      })),
    ),
  };
}

async function restore(
  kept: Kept,
  variables: readonly tf.Variable[],
  optimizer: tf.Optimizer,
): Promise<void> {
  variables.forEach((variable, i) => {
    tf.tidy(() => {
      variable.assign(tf.tensor(kept.values[i] as tf.TypedArray, variable.shape, variable.dtype));
    });
  });
  const state = kept.state.map(({ name, shape, dtype, values }) => ({
    name,
    tensor: tf.tensor(values, shape, dtype),
  }));
  const before = await optimizer.getWeights();
  try {
    await optimizer.setWeights(state);
  } finally {
    tf.dispose(state.map(({ tensor }) => tensor));
  }
  // tfjs's optimizers leave their former moments behind.
  tf.dispose(before.map(({ tensor }) => tensor));
}
