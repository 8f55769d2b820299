import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { disposingTapeOnError } from '../ops/engine/engine';

interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

type Outputs = tf.Tensor | tf.Tensor[];

/** Options of `trainingStep`. */
export interface TrainingStepOptions {
  /**
   * The norm of all gradients together to which longer ones are shortened (Pascanu et al. 2013,
   * arXiv 1211.5063), above 0. Default: none.
   */
  clipNorm?: number;
}

/**
 * One step of training where `model.fit` does not fit: losses of ids, whose shape is not that of
 * the model's output. Takes gradients of the loss in training mode and lets the optimizer apply
 * them.
 *
 * @param inputs the model's inputs; they stay the caller's
 * @param loss the loss of the model's outputs, a scalar
 * @returns the loss before the step, a scalar that is the caller's
 * @throws when the model has no trainable weight or `clipNorm` is out of range
 */
export function trainingStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  inputs: tf.Tensor | tf.Tensor[],
  loss: (outputs: Outputs) => tf.Scalar,
  { clipNorm }: TrainingStepOptions = {},
): tf.Scalar {
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  if (variables.length === 0) {
    throw new Error(`trainingStep: ${model.name} has no trainable weight; set trainable = true`);
  }
  if (clipNorm != null && !(clipNorm > 0)) {
    throw new Error(`trainingStep: clipNorm is ${clipNorm}; expected a number above 0`);
  }
  return tf.tidy(() => {
    const { value, grads } = optimizer.computeGradients(
      () => disposingTapeOnError(() => loss(model.apply(inputs, { training: true }) as Outputs)),
      variables,
    );
    const found = variables.flatMap(({ name }) => {
      const tensor = grads[name];
      return tensor ? [{ name, tensor }] : [];
    });
    optimizer.applyGradients(clipNorm == null ? found : clipped(found, clipNorm));
    return value;
  });
}

function clipped(gradients: NamedTensor[], clipNorm: number): NamedTensor[] {
  const squares = gradients.map(({ tensor }) => tf.sum(tf.square(tensor)));
  const norm = tf.sqrt(tf.addN(squares));
  const factor = tf.minimum(1, tf.div(clipNorm, tf.maximum(norm, 1e-12)));
  return gradients.map(({ name, tensor }) => ({ name, tensor: tf.mul(tensor, factor) }));
}
