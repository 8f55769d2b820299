/** Randomness of training steps from a seed and the step's number. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireInteger } from '../common/arguments';
import { withSeededRandom } from '../ops/engine/random';
import { seedOfStep } from './step_seed';

const OWNER = 'seedTraining';

/** Seeds by optimizer; null: none any more. */
const seeds = new WeakMap<tf.Optimizer, number | null>();

/** The seed of an optimizer's steps; undefined where there is none. */
export function seedOf(optimizer: tf.Optimizer): number | undefined {
  return seeds.get(optimizer) ?? undefined;
}

/**
 * Lets all that is drawn in a step of training depend on a seed and the number of steps that the optimizer
 * has taken (`iterations`, which is saved with it), and on nothing else: a run that is resumed draws what
 * it would have drawn. That is what the loss draws, and with it the forward pass: stochastic depth and
 * dropout, also those of tfjs's layers that have no seed of their own. It holds wherever the optimizer's
 * `minimize` or `computeGradients` is called: in `model.fit`, `fitDataset`, `trainOnBatch`, `trainingStep`.
 *
 * Several gradients of one step, as where they are accumulated, draw the same; give each its own numbers by
 * the option `seed` of `trainingStep`.
 *
 * @param optimizer the one that the model is compiled with; it is the one that changes
 * @param seed an integer from 0; null: steps draw from `Math.random` again
 * @throws {Error} when the optimizer is none, or the seed no integer from 0
 *
 * @example
 * const optimizer = new AdamW();
 * seedTraining(optimizer, 1);
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 */
export function seedTraining(optimizer: tf.Optimizer, seed: number | null): void {
  const isOptimizer = typeof (optimizer as Partial<tf.Optimizer> | null)?.minimize === 'function';
  requireArgument(OWNER, 'optimizer', optimizer, isOptimizer, 'one such as new AdamW()');
  if (seed !== null) requireInteger(OWNER, 'seed', seed, 0);
  const isHooked = seeds.has(optimizer);
  seeds.set(optimizer, seed);
  if (isHooked) return;
  const minimize = optimizer.minimize.bind(optimizer);
  const computeGradients = optimizer.computeGradients.bind(optimizer);
  // Where a step calls both, the inner one draws all, and both draw the same.
  optimizer.minimize = (f, ...rest) => minimize(() => drawing(optimizer, f), ...rest);
  optimizer.computeGradients = (f, ...rest) =>
    computeGradients(() => drawing(optimizer, f), ...rest);
}

function drawing<T>(optimizer: tf.Optimizer, f: () => T): T {
  const seed = seedOf(optimizer);
  if (seed === undefined) return f();
  return withSeededRandom(seedOfStep([seed, optimizer.iterations]), f);
}
