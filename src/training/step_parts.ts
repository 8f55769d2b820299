/** What steps of training by hand share: checks, the loss with its penalties, clipped gradients. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireModel, shown } from '../common/arguments';
import { disposingTapeOnError } from '../ops/engine/engine';
import { readAtOnce, requireBackend } from '../ops/engine/lost_backend';
import { readsAtOnce } from '../ops/engine/read_at_once';
import { described } from '../ops/engine/sweep';
import { undoingWrites } from '../ops/engine/writes';
import { shortening } from './clipping';
import { distinctVariables } from './model_variables';
import { NotFiniteLossError } from './not_finite_loss';

/** A weight's gradient. */
export interface NamedGradient {
  name: string;
  /** Null where the loss does not depend on the variable. */
  tensor: tf.Tensor | null;
}

/** The output of a model that has one, the list of those of a model that has several. */
export type Outputs = tf.Tensor & tf.Tensor[];

/** What a step is told. */
interface StepArguments {
  model: tfl.LayersModel;
  optimizer: tf.Optimizer;
  inputs: tf.Tensor | tf.Tensor[];
  loss: unknown;
  clipNorm: number | undefined;
}

/**
 * Asserts what a step is told.
 *
 * @returns the weights to be trained, each once
 * @throws {Error} when an argument is something else or the model has no trainable weight
 * @throws {BackendLostError} when the backend has lost its device
 */
export function checkedStep(
  owner: string,
  { model, optimizer, inputs, loss, clipNorm }: StepArguments,
): tf.Variable[] {
  requireModel(owner, model);
  const isOptimizer = typeof (optimizer as Partial<tf.Optimizer>)?.computeGradients === 'function';
  requireArgument(owner, 'optimizer', optimizer, isOptimizer, 'one such as tf.train.sgd(0.1)');
  requireArgument(
    owner,
    'loss',
    loss,
    typeof loss === 'function',
    'a function of the outputs, such as (y) => tf.losses.meanSquaredError(labels, y)',
  );
  const isTensor = (x: unknown) => x instanceof tf.Tensor;
  requireArgument(
    owner,
    'inputs',
    inputs,
    Array.isArray(inputs) ? inputs.length > 0 && inputs.every(isTensor) : isTensor(inputs),
    "a tensor of the model's input, or a list of those of its inputs",
  );
  requireBackend();
  const variables = distinctVariables(model.trainableWeights);
  if (variables.length === 0) {
    throw new Error(`${owner}: ${model.name} has no trainable weight; set trainable = true`);
  }
  if (clipNorm != null && !(typeof clipNorm === 'number' && clipNorm > 0)) {
    throw new Error(`${owner}: clipNorm is ${shown(clipNorm)}; expected a number above 0`);
  }
  return variables;
}

/**
 * The loss of the model's outputs in training mode, with the penalties of its regularizers.
 *
 * @throws {NotFiniteLossError} where the backend gives values at once
 */
export function totalLoss(
  owner: string,
  model: tfl.LayersModel,
  inputs: tf.Tensor | tf.Tensor[],
  loss: (outputs: Outputs) => tf.Scalar,
): tf.Scalar {
  return disposingTapeOnError(() => {
    const own = loss(model.apply(inputs, { training: true }) as Outputs);
    requireScalar(owner, own);
    const total = model.calculateLosses().reduce((sum, penalty) => tf.add(sum, penalty), own);
    const [value = NaN] = readsAtOnce() ? readAtOnce(total) : [0];
    if (!Number.isFinite(value)) throw new NotFiniteLossError(owner, value);
    return total;
  });
}

/** Runs forward passes. Where they fail moving statistics are as before, too, which they have changed already. */
export function statisticsKept<T>(forward: () => T): T {
  return undoingWrites(forward, () => false);
}

/** Whether it is one of this package's optimizers that updates weights in the backward pass. */
export function isFused(optimizer: tf.Optimizer): boolean {
  return Boolean((optimizer as { fused?: unknown }).fused);
}

function requireScalar(owner: string, loss: unknown): void {
  if (loss instanceof tf.Tensor && loss.rank === 0) return;
  throw new Error(
    `${owner}: the loss is ${described(loss)}; expected a scalar tensor, such as a mean`,
  );
}

/**
 * Lets the optimizer apply gradients, shortened where there is a norm for them. tfjs's optimizers find
 * their moments by position, so every variable is to be in the list.
 */
export function applied(
  optimizer: tf.Optimizer,
  gradients: NamedGradient[],
  clipNorm: number | undefined,
): void {
  const given = clipNorm == null ? gradients : clipped(gradients, clipNorm);
  optimizer.applyGradients(given as { name: string; tensor: tf.Tensor }[]);
}

function clipped(gradients: NamedGradient[], clipNorm: number): NamedGradient[] {
  const squares = gradients.flatMap(({ tensor }) =>
    tensor ? [tf.tidy(() => tf.sum(tf.square(tensor)))] : [],
  );
  const norm = tf.sqrt(tf.addN(squares));
  const factor = shortening(norm, clipNorm);
  return gradients.map(({ name, tensor }) => ({ name, tensor: tensor && tf.mul(tensor, factor) }));
}
