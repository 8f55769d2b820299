/** What tfjs's optimizers keep: what they save, and what they do not. */
import * as tf from '@tensorflow/tfjs-core';

import { nextTensorId } from '../ops/engine/engine';
import type { NamedTensor } from './saved_states';
import type { SavesWeights } from './saved_training';

/** What tfjs's optimizers hold. */
type Properties = Record<string, unknown>;

/**
 * What `getWeights` gives, for a while: tfjs's optimizers make the count of steps anew each time, and
 * leave it to the caller. What is a variable, or was there before, is the owner's.
 */
export async function withSaved<T>(
  owner: Pick<SavesWeights, 'getWeights'>,
  use: (saved: NamedTensor[]) => Promise<T>,
): Promise<T> {
  const firstMade = nextTensorId();
  const saved = await owner.getWeights();
  try {
    return await use(saved);
  } finally {
    const isMade = (t: tf.Tensor) => t.id > firstMade && !(t instanceof tf.Variable);
    tf.dispose(saved.map(({ tensor }) => tensor).filter(isMade));
  }
}

/**
 * The tensors that an optimizer has as properties: constants such as the step size of `tf.train.sgd`,
 * and powers such as those of `tf.train.adam`, neither of which `getWeights` gives.
 */
export function ownTensors(optimizer: tf.Optimizer): NamedTensor[] {
  return Object.entries(optimizer as unknown as Properties).flatMap(([name, tensor]) =>
    tensor instanceof tf.Tensor && !tensor.isDisposed ? [{ name, tensor }] : [],
  );
}

/** The learning rate, if it is a number: steps may set it. */
export function learningRateOf(optimizer: tf.Optimizer): number | undefined {
  const { learningRate } = optimizer as unknown as Properties;
  return typeof learningRate === 'number' ? learningRate : undefined;
}

/** What `restoreSaved` puts back. Its tensors are freed, or become the optimizer's. */
export interface SavedTensors {
  /** What `getWeights` gave. */
  readonly state: readonly NamedTensor[];
  /** What `ownTensors` gave. */
  readonly own: readonly NamedTensor[];
  readonly learningRate?: number;
}

/** Gives an optimizer back what it saved and had. */
export async function restoreSaved(
  optimizer: tf.Optimizer,
  { state, own, learningRate }: SavedTensors,
): Promise<void> {
  const given = state.map(({ tensor }) => tensor);
  try {
    const former = await withSaved(optimizer, async (saved) => {
      try {
        await optimizer.setWeights([...state]);
      } finally {
        tf.dispose(given);
      }
      return saved.map(({ tensor }) => tensor);
    });
    // tfjs's optimizers leave their former moments behind.
    tf.dispose(former);
  } catch (error) {
    tf.dispose([...given, ...own.map(({ tensor }) => tensor)]);
    throw error;
  }
  // After setWeights, which computes some of them from others.
  const properties = optimizer as unknown as Properties;
  for (const { name, tensor } of own) {
    const held = properties[name];
    if (held instanceof tf.Variable && !held.isDisposed) {
      held.assign(tensor);
      tensor.dispose();
    } else {
      (held as tf.Tensor | undefined)?.dispose();
      properties[name] = tf.keep(tensor);
    }
  }
  if (learningRate !== undefined) properties['learningRate'] = learningRate;
}
