/** What saving needs of this package's optimizers beyond what tfjs knows of an optimizer. */
import type * as tf from '@tensorflow/tfjs-core';

import type { LastNorm } from './clipping';
import type { StateLayout } from './state_layout';
import type { WeightStates } from './weight_states';

/** An optimizer's own state, which goes on changing. */
export interface OptimizerInsides {
  readonly layout: StateLayout;
  readonly states: WeightStates;
  readonly lastNorm: LastNorm;
}

const insides = new WeakMap<tf.Optimizer, OptimizerInsides>();

/** For an optimizer's constructor. */
export function shareInsides(optimizer: tf.Optimizer, own: OptimizerInsides): void {
  insides.set(optimizer, own);
}

/** The state of one of this package's optimizers; undefined for others. */
export function insidesOf(optimizer: tf.Optimizer): OptimizerInsides | undefined {
  return insides.get(optimizer);
}
