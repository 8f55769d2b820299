/** Steps of fine-tuning: the loss of a batch and an update, and nothing where the loss is not finite. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { readAtOnce, readTensor } from '../../ops/engine/lost_backend';
import { deriveSeed, withSeededRandom } from '../../ops/engine/random';
import { readsAtOnce } from '../../ops/engine/read_at_once';
import { accumulatedStep } from '../../training/accumulated_step';
import { NotFiniteLossError } from '../../training/not_finite_loss';
import { trainingStep } from '../../training/training_step';
import { againSlower, DivergedError, type PeakRate } from '../base/errors';
import { areFinite, findNonFinite, type NonFinite } from './non_finite';

/** The model's output, or the list of its outputs. */
type Outputs = tf.Tensor | tf.Tensor[];

/** What a step does. */
export interface StepOptions {
  /** The inputs of the step's examples; they stay the caller's. */
  readonly x: tf.Tensor;
  /** What the loss compares with, for each example; stays the caller's. */
  readonly targets: tf.Tensor;
  /** The mean loss of some examples, a scalar. */
  readonly lossOf: (outputs: Outputs, targets: tf.Tensor) => tf.Scalar;
  /** How many of some examples are right, a scalar; of pixels, their share times the examples. */
  readonly rightOf: (outputs: Outputs, targets: tf.Tensor) => tf.Scalar;
  /** Of what steps draw. */
  readonly seed: number;
  /** Examples that are computed at once. */
  readonly part: number;
  /** What it is taken by, for messages. */
  readonly phase: PeakRate;
}

/** What came of a step. */
export interface StepOutcome {
  /** Mean loss of its examples, before the step. */
  readonly loss: number;
  /** How many of them were right. */
  readonly right: number;
}

/** A loss that is not finite, found before anything was changed. */
class NotFinite extends Error {
  constructor(readonly value: number) {
    super(`the loss is ${value}`);
  }
}

/**
 * Takes a step.
 *
 * @param step its number, from 1
 * @throws {DivergedError} when the loss is not finite; the weights are as before then, where the backend
 *   gives values at once
 */
export async function takeStep(
  owner: string,
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  step: number,
  { x, targets, lossOf, rightOf, seed, part, phase }: StepOptions,
): Promise<StepOutcome> {
  const own = deriveSeed(seed, step);
  const counts: tf.Scalar[] = [];
  let loss: tf.Scalar | undefined;
  try {
    const counted = (outputs: Outputs, some: tf.Tensor) => {
      const value = lossOf(outputs, some);
      if (readsAtOnce()) requireFinite(readAtOnce(value)[0] as number);
      counts.push(tf.keep(rightOf(outputs, some)));
      return value;
    };
    // All parts of the network that draw do it in the same order, so one seed is enough.
    loss = withSeededRandom(own, () =>
      (x.shape[0] as number) <= part
        ? trainingStep(model, optimizer, x, (outputs) => counted(outputs, targets))
        : accumulatedStep(model, optimizer, x, targets, counted, { microBatch: part }),
    );
    const value = (await readTensor(loss))[0] as number;
    requireFinite(value);
    let right = 0;
    for (const count of counts) right += (await readTensor(count))[0] as number;
    return { loss: value, right };
  } catch (error) {
    const isLoss = error instanceof NotFinite || error instanceof NotFiniteLossError;
    // Layers that look at their weights tell before there is a loss.
    if (!isLoss && (await areFinite(model.weights))) throw error;
    const value = isLoss ? error.value : NaN;
    throw await divergedError(owner, { step, value, phase }, () => findNonFinite(model, x, own));
  } finally {
    tf.dispose([...counts, ...(loss ? [loss] : [])]);
  }
}

function requireFinite(value: number): void {
  if (!Number.isFinite(value)) throw new NotFinite(value);
}

/** A step whose loss is not finite. */
interface Divergence {
  readonly step: number;
  readonly value: number;
  readonly phase: PeakRate;
}

/** What to say of it; `find` looks for where numbers stop being finite. */
export async function divergedError(
  owner: string,
  { step, value, phase }: Divergence,
  find: () => Promise<NonFinite>,
): Promise<DivergedError> {
  const { layer, sources } = await find();
  const again = againSlower(phase);
  const said = (where: string, advice: string) =>
    new DivergedError(
      step,
      layer,
      `${owner}: the loss of step ${step} is ${value}. ${where}. ${advice}`,
    );
  if (layer !== null) {
    const weights =
      sources.length > 0
        ? `whose weights ${sources.slice(0, 3).join(', ')} are not finite since the step before`
        : 'though its weights are';
    return said(`The first layer whose output is not finite is '${layer}', ${weights}`, again);
  }
  if (sources.length > 0) {
    return said('The examples of the step hold values that are not finite', 'Give finite ones');
  }
  return said('The outputs of all layers are finite, but their loss is not', again);
}

/**
 * Asserts that a model can be evaluated.
 *
 * @param step the last one that was taken
 * @param phase what it was taken by, for the message
 * @throws {DivergedError} when a weight is not finite
 */
export async function requireFiniteWeights(
  owner: string,
  model: tfl.LayersModel,
  step: number,
  phase: PeakRate,
): Promise<void> {
  if (await areFinite(model.weights)) return;
  throw new DivergedError(
    step,
    null,
    `${owner}: after step ${step} some weights are no finite numbers. ${againSlower(phase)}`,
  );
}
