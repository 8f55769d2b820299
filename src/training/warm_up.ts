/** Compiling what a training step runs on a graphics card before the first step. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { compilingOnly } from '../ops/engine/compile_only';
import { free } from '../ops/engine/tensors';
import { keptValue, undoingWrites } from '../ops/engine/writes';
import { distinctVariables } from './model_variables';
import { checkedStep, type Outputs } from './step_parts';
import { trainingStep } from './training_step';

const OWNER = 'warmUp';

/** The first makes what an optimizer keeps for each weight, the second uses it. */
const STEPS = 2;

/**
 * Compiles the programs of a training step on backend 'webgl' or 'webgpu', which the first step would wait for otherwise:
 * all of them at once, where the browser compiles side by side, and without stopping the page. The step runs
 * without computing: weights, optimizer, moving averages and random numbers stay as they are.
 *
 * Await it before anything else is computed. On other backends it does nothing.
 *
 * @param model the model to be trained
 * @param optimizer the optimizer; another one made from its configuration is used in its place
 * @param inputs the model's inputs, of the shapes to come; their values do not matter. They stay the caller's
 * @param loss the loss of the model's output, or of the list of its outputs, a scalar. It must not read tensors
 * @returns the number of programs that were compiled; 0 on other backends
 * @throws {Error} when an argument is something else, the model has no trainable weight, the loss is no scalar
 *   that depends on a weight, or a program does not compile
 * @throws {BackendLostError} when the backend has lost its device
 */
export async function warmUp(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  inputs: tf.Tensor | tf.Tensor[],
  loss: (outputs: Outputs) => tf.Scalar,
): Promise<number> {
  checkedStep(OWNER, { model, optimizer, inputs, loss, clipNorm: undefined });
  return compilingOnly(() => {
    const twin = twinOf(optimizer);
    try {
      keepingWeights(model, () => {
        for (let step = 0; step < STEPS; step++) {
          free(trainingStep(model, twin, inputs, loss, { seed: [0, step] }));
        }
      });
    } finally {
      twin.dispose();
    }
  });
}

/** An optimizer of the same configuration, which has taken no step. */
function twinOf(optimizer: tf.Optimizer): tf.Optimizer {
  const cls = optimizer.constructor as tf.serialization.SerializableConstructor<tf.Optimizer>;
  if (typeof cls.fromConfig !== 'function' || typeof optimizer.getConfig !== 'function') {
    throw new Error(
      `${OWNER}: the optimizer has no getConfig and fromConfig, from which another like it could be made; ` +
        `expected one as tfjs and this package have them`,
    );
  }
  return cls.fromConfig(cls, optimizer.getConfig());
}

/** Runs `fn`, then gives weights, and whatever variables it has written to, their values back. */
function keepingWeights(model: tfl.LayersModel, fn: () => void): void {
  // Writes in the middle of a backward pass are noted by nobody.
  const weights = distinctVariables(model.weights).map((variable) => {
    return { variable, value: keptValue(variable) };
  });
  try {
    undoingWrites(fn);
  } finally {
    for (const { variable, value } of weights) {
      if (variable.dataId !== value.dataId) variable.assign(value);
      value.dispose();
    }
  }
}
