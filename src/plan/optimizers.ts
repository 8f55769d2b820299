/** Optimizers by the names that a plan knows. */
import * as tf from '@tensorflow/tfjs-core';

import { AdamW } from '../training/adamw';

const RATE = 1e-3;

/** Makes an optimizer of each name. */
export const OPTIMIZERS = {
  sgd: () => tf.train.sgd(RATE),
  momentum: () => tf.train.momentum(RATE, 0.9),
  rmsprop: () => tf.train.rmsprop(RATE),
  adagrad: () => tf.train.adagrad(RATE),
  adam: () => tf.train.adam(RATE),
  adamw: () => new AdamW({ learningRate: RATE }),
} as const satisfies Record<string, () => tf.Optimizer>;

/** An optimizer that a plan knows by name. */
export type PlannedOptimizer = keyof typeof OPTIMIZERS;

/**
 * What makes the optimizer.
 *
 * @throws {Error} when there is none of this name
 */
export function optimizerMaker(owner: string, optimizer: unknown): () => tf.Optimizer {
  if (typeof optimizer === 'function') return optimizer as () => tf.Optimizer;
  if (typeof optimizer === 'string' && Object.hasOwn(OPTIMIZERS, optimizer)) {
    return OPTIMIZERS[optimizer as PlannedOptimizer];
  }
  const names = Object.keys(OPTIMIZERS).map((name) => `'${name}'`);
  throw new Error(
    `${owner}: optimizer is ${JSON.stringify(optimizer)}; expected one of ${names.join(', ')}, or a ` +
      `function that makes one, such as () => new AdamW()`,
  );
}
