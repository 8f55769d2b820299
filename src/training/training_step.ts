/** One step of training by hand: loss, gradients, clipping, update. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireModel, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { disposingTapeOnError } from '../ops/engine/engine';
import { requireBackend } from '../ops/engine/lost_backend';
import { described } from '../ops/engine/sweep';
import { shortening } from './clipping';

interface NamedGradient {
  name: string;
  /** Null where the loss does not depend on the variable. */
  tensor: tf.Tensor | null;
}

/** The output of a model that has one, the list of those of a model that has several. */
type Outputs = tf.Tensor & tf.Tensor[];

/** Options of `trainingStep`. */
export interface TrainingStepOptions {
  /**
   * The norm of all gradients together to which longer ones are shortened (Pascanu et al. 2013,
   * arXiv 1211.5063), above 0. Default: none.
   */
  clipNorm?: number;
}

const OPTIONS: OptionNames<TrainingStepOptions> = {
  clipNorm: true,
};

/**
 * One step of training where `model.fit` does not fit: losses of ids, whose shape is not that of
 * the model's output. Takes gradients of the loss in training mode, with the penalties of the
 * model's regularizers added as `fit` adds them, and lets the optimizer apply them.
 *
 * @param inputs the model's inputs; they stay the caller's
 * @param loss the loss of the model's output, or of the list of its outputs, a scalar
 * @returns the loss before the step, penalties included, a scalar that is the caller's
 * @throws {Error} when the model has no trainable weight, `clipNorm` is out of range or given with a
 *   fused optimizer, or the loss is no scalar that depends on a weight
 * @throws {BackendLostError} when the backend has lost its device; weights are as good as gone then
 * @throws {FusedStepError} when the step of a fused optimizer fails in the middle
 */
export function trainingStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  inputs: tf.Tensor | tf.Tensor[],
  loss: (outputs: Outputs) => tf.Scalar,
  options: TrainingStepOptions = {},
): tf.Scalar {
  requireOptions('trainingStep', options, OPTIONS);
  const { clipNorm } = options;
  requireModel('trainingStep', model);
  const isOptimizer = typeof optimizer?.computeGradients === 'function';
  requireArgument(
    'trainingStep',
    'optimizer',
    optimizer,
    isOptimizer,
    'one such as tf.train.sgd(0.1)',
  );
  requireArgument(
    'trainingStep',
    'loss',
    loss,
    typeof loss === 'function',
    'a function of the outputs, such as (y) => tf.losses.meanSquaredError(labels, y)',
  );
  const isTensor = (x: unknown) => x instanceof tf.Tensor;
  requireArgument(
    'trainingStep',
    'inputs',
    inputs,
    Array.isArray(inputs) ? inputs.length > 0 && inputs.every(isTensor) : isTensor(inputs),
    "a tensor of the model's input, or a list of those of its inputs",
  );
  requireBackend();
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  if (variables.length === 0) {
    throw new Error(`trainingStep: ${model.name} has no trainable weight; set trainable = true`);
  }
  if (clipNorm != null && !(clipNorm > 0)) {
    throw new Error(`trainingStep: clipNorm is ${shown(clipNorm)}; expected a number above 0`);
  }
  const total = () =>
    disposingTapeOnError(() => {
      const value = loss(model.apply(inputs, { training: true }) as Outputs);
      requireScalar(value);
      return model.calculateLosses().reduce((sum, penalty) => tf.add(sum, penalty), value);
    });
  if (isFused(optimizer)) {
    if (clipNorm != null) {
      throw new Error(
        `trainingStep: clipNorm is ${clipNorm}, the norm of all gradients together, which with fused ` +
          `are never there at once; give the optimizer clipWeightNorm, for each weight by itself, or ` +
          `clipPreviousNorm, which goes by the norm of the step before, or set fused: false`,
      );
    }
    return tf.tidy(() => optimizer.minimize(total, true, variables) as tf.Scalar);
  }
  return tf.tidy(() => {
    const { value, grads } = optimizer.computeGradients(total, variables);
    // tfjs's optimizers find their moments by position, so every variable is in the list.
    const gradients = variables.map(({ name }) => ({ name, tensor: grads[name] ?? null }));
    const applied = clipNorm == null ? gradients : clipped(gradients, clipNorm);
    optimizer.applyGradients(applied as { name: string; tensor: tf.Tensor }[]);
    return value;
  });
}

/** Whether it is one of this package's optimizers that updates weights in the backward pass. */
function isFused(optimizer: tf.Optimizer): boolean {
  return Boolean((optimizer as { fused?: unknown }).fused);
}

function requireScalar(loss: unknown): void {
  if (loss instanceof tf.Tensor && loss.rank === 0) return;
  throw new Error(
    `trainingStep: the loss is ${described(loss)}; expected a scalar tensor, such as a mean`,
  );
}

function clipped(gradients: NamedGradient[], clipNorm: number): NamedGradient[] {
  const squares = gradients.flatMap(({ tensor }) =>
    tensor ? [tf.tidy(() => tf.sum(tf.square(tensor)))] : [],
  );
  const norm = tf.sqrt(tf.addN(squares));
  const factor = shortening(norm, clipNorm);
  return gradients.map(({ name, tensor }) => ({ name, tensor: tensor && tf.mul(tensor, factor) }));
}
