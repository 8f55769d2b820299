/** One step of training by hand: loss, gradients, clipping, update. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, requireOptions } from '../common/options';
import {
  applied,
  checkedStep,
  isFused,
  type Outputs,
  statisticsKept,
  totalLoss,
} from './step_parts';
import { requireStepSeed, seeded, type StepSeed } from './step_seed';

const OWNER = 'trainingStep';

/** Options of `trainingStep`. */
export interface TrainingStepOptions {
  /**
   * The norm of all gradients together to which longer ones are shortened (Pascanu et al. 2013,
   * arXiv 1211.5063), above 0. Default: none.
   */
  clipNorm?: number;
  /**
   * Integers from 0 that all random draws of the step depend on, stochastic depth and dropout (also those of
   * tfjs without a seed of their own) and whatever `loss` draws: a seed of the run, then the number of the
   * step, then more where a step has several parts. Equal numbers draw the same, so the step's number must be
   * among them. Default: `Math.random`.
   */
  seed?: StepSeed;
}

const OPTIONS: OptionNames<TrainingStepOptions> = {
  clipNorm: true,
  seed: true,
};

/**
 * One step of training where `model.fit` does not fit: losses of ids, whose shape is not that of
 * the model's output. Takes gradients of the loss in training mode, with the penalties of the
 * model's regularizers added as `fit` adds them, and lets the optimizer apply them.
 *
 * @param inputs the model's inputs; they stay the caller's
 * @param loss the loss of the model's output, or of the list of its outputs, a scalar
 * @returns the loss before the step, penalties included, a scalar that is the caller's
 * @throws {Error} when the model has no trainable weight, `clipNorm` or `seed` is out of range, `clipNorm` is
 *   given with a fused optimizer, or the loss is no scalar that depends on a weight; when it is no finite number, on
 *   backends that give values at once (cpu, wasm, tensorflow)
 * @throws {BackendLostError} when the backend has lost its device; weights are as good as gone then
 * @throws {FusedStepError} when the step of a fused optimizer fails in the middle
 * After any other failure of the loss all weights are as they were, running statistics included.
 */
export function trainingStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  inputs: tf.Tensor | tf.Tensor[],
  loss: (outputs: Outputs) => tf.Scalar,
  options: TrainingStepOptions = {},
): tf.Scalar {
  requireOptions(OWNER, options, OPTIONS);
  const { clipNorm, seed } = options;
  const variables = checkedStep(OWNER, { model, optimizer, inputs, loss, clipNorm });
  requireStepSeed(OWNER, seed);
  const forward = seeded(seed, () => totalLoss(OWNER, model, inputs, loss));
  const total = () => statisticsKept(forward);
  if (isFused(optimizer)) {
    if (clipNorm != null) {
      throw new Error(
        `${OWNER}: clipNorm is ${clipNorm}, the norm of all gradients together, which with fused ` +
          `are never there at once; give the optimizer clipWeightNorm, for each weight by itself, or ` +
          `clipPreviousNorm, which goes by the norm of the step before, or set fused: false`,
      );
    }
    return tf.tidy(() => optimizer.minimize(total, true, variables) as tf.Scalar);
  }
  return tf.tidy(() => {
    const { value, grads } = optimizer.computeGradients(total, variables);
    applied(
      optimizer,
      variables.map(({ name }) => ({ name, tensor: grads[name] ?? null })),
      clipNorm,
    );
    return value;
  });
}
