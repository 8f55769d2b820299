/** Lion: steps by the sign of an interpolated momentum, with one moment per weight. */
import * as tf from '@tensorflow/tfjs-core';

import { requireRanges } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { type CommonArgs, requireKnown } from './optimizer_args';
import { alikeForm } from './state_layout';
import { WeightOptimizer } from './weight_optimizer';
import { decayed, type UpdatedWeight, type WeightUpdate } from './weight_update';

/** Arguments of `Lion`. */
export interface LionArgs extends CommonArgs {
  /** Step size, from 0; a third to a tenth of what suits AdamW. Default 1e-4. */
  learningRate?: number;
  /** Share of the moment in what the sign is taken of, in [0, 1). Default 0.9. */
  beta1?: number;
  /** Decay of the moment, in [0, 1). Default 0.99. */
  beta2?: number;
  /**
   * Share of a weight that is taken off per step and unit of learning rate; three to ten times what
   * suits AdamW. Default 0.
   */
  weightDecay?: number;
}

const LAYOUT = { owner: 'Lion', forms: [alikeForm('m')] };

const OPTIONS: OptionNames<Omit<LionArgs, keyof CommonArgs>> = {
  learningRate: true,
  beta1: true,
  beta2: true,
  weightDecay: true,
};

/**
 * Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2): a weight moves by the learning rate, in the
 * direction of the sign of `beta1 * moment + (1 - beta1) * gradient`; decay is decoupled. It keeps one
 * moment per weight, half of what Adam does. Biases and variables with one axis do not decay, unless a
 * group says so. `learningRate` may be set at any time.
 *
 * @throws {Error} when an argument is out of range
 */
export class Lion extends WeightOptimizer {
  static className = 'RevColLion';

  private readonly args: Required<Omit<LionArgs, keyof CommonArgs>>;

  constructor(args: LionArgs = {}) {
    // A subclass may have options of its own.
    if (new.target === Lion) requireKnown('Lion', args, OPTIONS);
    const own = {
      learningRate: args.learningRate ?? 1e-4,
      beta1: args.beta1 ?? 0.9,
      beta2: args.beta2 ?? 0.99,
      weightDecay: args.weightDecay ?? 0,
    };
    super(LAYOUT, args, own);
    const { learningRate, beta1, beta2, weightDecay } = own;
    requireRanges('Lion', [
      ['learningRate', learningRate, learningRate >= 0, 'from 0'],
      ['beta1', beta1, beta1 >= 0 && beta1 < 1, 'in [0, 1)'],
      ['beta2', beta2, beta2 >= 0 && beta2 < 1, 'in [0, 1)'],
      ['weightDecay', weightDecay, weightDecay >= 0, 'from 0'],
    ]);
    this.args = own;
  }

  protected override updated(update: WeightUpdate): UpdatedWeight {
    const { variable, gradient, slots, rate, decay } = update;
    const { beta1, beta2 } = this.args;
    const before = slots?.['m'];
    const mixed = (beta: number) => {
      const share = tf.mul(gradient, 1 - beta);
      return before ? tf.add(tf.mul(before, beta), share) : share;
    };
    const kept = 1 - rate * decay;
    const change = tf.tidy(() => tf.mul(tf.sign(mixed(beta1)), rate));
    const value = tf.sub(decayed(variable, kept), change);
    return { value, slots: { m: tf.tidy(() => mixed(beta2)) } };
  }
}
