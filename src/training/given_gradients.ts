/** Gradients as tfjs hands them to an optimizer, checked. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../common/arguments';

/** Gradients by the names of variables, or a list; none where there is null. */
export type GivenGradients =
  tf.NamedTensorMap | readonly { name: string; tensor: tf.Tensor | null | undefined }[];

/** A gradient, of a variable that has one. */
export interface Update {
  variable: tf.Variable;
  gradient: tf.Tensor;
}

/**
 * Gradients with the variables that they belong to.
 *
 * @param owner the optimizer, for messages
 * @throws {Error} when a name is unknown, or a gradient's shape or dtype is not its variable's
 */
export function toUpdates(owner: string, gradients: GivenGradients): Update[] {
  const list = Array.isArray(gradients)
    ? (gradients as Extract<GivenGradients, readonly unknown[]>)
    : Object.entries(gradients as tf.NamedTensorMap).map(([name, tensor]) => ({ name, tensor }));
  const given = new Map<string, tf.Tensor>();
  return list.flatMap(({ name, tensor: gradient }) => {
    if (!gradient) return [];
    const variable = tf.engine().registeredVariables[name];
    if (!variable) throw new Error(`${owner}: there is no variable named '${name}'`);
    // A layer that is shared may list its weights twice.
    if (given.get(name) === gradient) return [];
    if (given.has(name)) {
      throw new Error(`${owner}: '${name}' is given two gradients; expected one`);
    }
    given.set(name, gradient);
    if (gradient.shape.join() !== variable.shape.join() || gradient.dtype !== 'float32') {
      throw new Error(
        `${owner}: the gradient of '${name}' is ${gradient.dtype} ${show(gradient.shape)}; ` +
          `expected float32 ${show(variable.shape)}`,
      );
    }
    return [{ variable, gradient }];
  });
}
