/** Stochastic gradient descent with momentum and parameter groups. */
import * as tf from '@tensorflow/tfjs-core';

import { requireRanges } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { DESCENT } from '../ops/kernels/contract';
import { runFused } from '../ops/kernels/fused';
import { type CommonArgs, requireKnown } from './optimizer_args';
import { alikeForm } from './state_layout';
import { WeightOptimizer } from './weight_optimizer';
import type { UpdatedWeight, WeightUpdate } from './weight_update';

/** Arguments of `SGD`. */
export interface SGDArgs extends CommonArgs {
  /** Step size, from 0. Default 0.01. */
  learningRate?: number;
  /** Share of the last step's velocity that is kept, in [0, 1). Default 0: nothing is kept for weights. */
  momentum?: number;
  /** Whether a step looks ahead by the momentum (Nesterov). Default false. */
  nesterov?: boolean;
  /** Times the weight, added to its gradient. Default 0. */
  weightDecay?: number;
}

const OPTIONS: OptionNames<Omit<SGDArgs, keyof CommonArgs>> = {
  learningRate: true,
  momentum: true,
  nesterov: true,
  weightDecay: true,
};

/**
 * Stochastic gradient descent with momentum, computed as in PyTorch's `SGD` without dampening: the
 * velocity is `momentum * velocity + gradient`, with the weight's decay in the gradient, and the weight
 * goes down by the learning rate times the velocity. Biases and variables with one axis do not decay,
 * unless a group says so. `learningRate` may be set at any time.
 *
 * @throws {Error} when an argument is out of range
 */
export class SGD extends WeightOptimizer {
  static className = 'RevColSGD';

  private readonly args: Required<Omit<SGDArgs, keyof CommonArgs>>;

  constructor(args: SGDArgs = {}) {
    // A subclass may have options of its own.
    if (new.target === SGD) requireKnown('SGD', args, OPTIONS);
    const own = {
      learningRate: args.learningRate ?? 0.01,
      momentum: args.momentum ?? 0,
      nesterov: args.nesterov ?? false,
      weightDecay: args.weightDecay ?? 0,
    };
    super({ owner: 'SGD', forms: own.momentum > 0 ? [alikeForm('velocity')] : [] }, args, own);
    const { learningRate, momentum, weightDecay } = own;
    requireRanges('SGD', [
      ['learningRate', learningRate, learningRate >= 0, 'from 0'],
      ['momentum', momentum, momentum >= 0 && momentum < 1, 'in [0, 1)'],
      ['weightDecay', weightDecay, weightDecay >= 0, 'from 0'],
    ]);
    if (own.nesterov && momentum === 0) {
      throw new Error('SGD: nesterov is true and momentum 0; expected a momentum above 0');
    }
    this.args = own;
  }

  protected override updated(update: WeightUpdate): UpdatedWeight {
    const { variable, gradient, slots, decay } = update;
    const { momentum, nesterov } = this.args;
    if (momentum === 0) return { value: descended(update, gradient, decay), slots: {} };
    const full = decay === 0 ? gradient : tf.add(gradient, tf.mul(variable, decay));
    const before = slots?.['velocity'];
    const velocity = before ? tf.add(tf.mul(before, momentum), full) : tf.clone(full);
    const direction = nesterov ? tf.add(full, tf.mul(velocity, momentum)) : velocity;
    return { value: descended(update, direction, 0), slots: { velocity } };
  }
}

/** The weight after a step down a direction, with the weight's decay in it. */
function descended(
  { variable: weight, rate }: WeightUpdate,
  gradient: tf.Tensor,
  decay: number,
): tf.Tensor {
  return runFused(DESCENT, { weight, gradient }, { rate, decay }, () => {
    const full = decay === 0 ? gradient : tf.add(gradient, tf.mul(weight, decay));
    return tf.sub(weight, tf.mul(full, rate));
  });
}
