/** AdamW: Adam with decoupled weight decay and parameter groups. */
import * as tf from '@tensorflow/tfjs-core';

import { requireOneOf } from '../common/arguments';
import { requireRanges } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { ADAMW } from '../ops/kernels/contract';
import { type AttributesOf, type OutputsOf, runFused } from '../ops/kernels/fused';
import {
  MOMENTS_8BIT,
  requireMoments8bit,
  takesMoments8bit,
  updateMoments8bit,
} from './moments_8bit';
import { type CommonArgs, requireKnown } from './optimizer_args';
import { alikeForm } from './state_layout';
import { WeightOptimizer } from './weight_optimizer';
import type { Slots } from './weight_states';
import { decayed, type UpdatedWeight, type WeightUpdate } from './weight_update';

/** Arguments of `AdamW`. */
export interface AdamWArgs extends CommonArgs {
  /** Step size, above or equal to 0. Default 1e-3. */
  learningRate?: number;
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  beta2?: number;
  /** Added to the root of the squares. Default 1e-8. */
  epsilon?: number;
  /** Share of a weight that is taken off per step and unit of learning rate. Default 0.01. */
  weightDecay?: number;
  /**
   * How moments are kept. `'8bit'`: in bytes, with a scale for every 256 of them (Dettmers et al. 2021,
   * arXiv 2110.02861), a quarter of the memory; weights of fewer than 4,096 numbers and embeddings keep
   * theirs in float32. Needs backend wasm or tensorflow. Default `'float32'`.
   */
  moments?: 'float32' | '8bit';
}

const FLOAT32 = alikeForm('m', 'v');

const OPTIONS: OptionNames<Omit<AdamWArgs, keyof CommonArgs>> = {
  learningRate: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  moments: true,
};

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), computed as in
 * PyTorch's `AdamW`. Biases and variables with one axis (LayerNorm, alphas, layer scales) do not
 * decay, unless a group says so. `learningRate` may be set at any time.
 *
 * A step works weight by weight. `tf.train.adam` keeps its temporaries of all weights until the step's
 * end, some five times the weights and moments.
 *
 * Moments and steps are each weight's own: one that joins later (unfrozen) begins at its first step.
 * A variable without a gradient does not change. Saved with its model and loaded again, training
 * goes on exactly. State finds its weight by name, less the number that tfjs adds to names, and,
 * where the names are others, by position, as in tfjs's own optimizers. When all weights have been
 * disposed of, their state goes on with the next ones that it fits.
 *
 * @throws {Error} when an argument is out of range; in a step, where 8-bit moments are asked of a backend
 *   that has no kernel for them
 */
export class AdamW extends WeightOptimizer {
  static className = 'RevColAdamW';

  private readonly args: Required<Omit<AdamWArgs, keyof CommonArgs>>;

  constructor(args: AdamWArgs = {}) {
    // A subclass may have options of its own.
    if (new.target === AdamW) requireKnown('AdamW', args, OPTIONS);
    const own = {
      learningRate: args.learningRate ?? 1e-3,
      beta1: args.beta1 ?? 0.9,
      beta2: args.beta2 ?? 0.999,
      epsilon: args.epsilon ?? 1e-8,
      weightDecay: args.weightDecay ?? 0.01,
      moments: args.moments ?? 'float32',
    };
    requireOneOf('AdamW', 'moments', own.moments, ['float32', '8bit']);
    const forms = own.moments === '8bit' ? [FLOAT32, MOMENTS_8BIT] : [FLOAT32];
    super({ owner: 'AdamW', forms }, args, own);
    const { learningRate, beta1, beta2, epsilon, weightDecay } = own;
    requireRanges('AdamW', [
      ['learningRate', learningRate, learningRate >= 0, 'from 0'],
      ['beta1', beta1, beta1 >= 0 && beta1 < 1, 'in [0, 1)'],
      ['beta2', beta2, beta2 >= 0 && beta2 < 1, 'in [0, 1)'],
      ['epsilon', epsilon, epsilon > 0, 'above 0'],
      ['weightDecay', weightDecay, weightDecay >= 0, 'from 0'],
    ]);
    this.args = own;
  }

  protected override requireBackend(): void {
    if (this.args.moments === '8bit') requireMoments8bit();
  }

  /** Factors of a step, with constants taken together: see `updated`. */
  private factors({ step, rate, decay }: WeightUpdate) {
    const { beta1, beta2, epsilon } = this.args;
    const correction1 = 1 - beta1 ** step;
    const correction2 = Math.sqrt(1 - beta2 ** step);
    const size = (rate * correction2) / correction1;
    return { beta1, beta2, kept: 1 - rate * decay, epsilon: epsilon * correction2, size };
  }

  protected override updatedInPlace(update: WeightUpdate): Slots | null {
    if (this.args.moments !== '8bit' || !takesMoments8bit(update.variable)) return null;
    // Restored from an optimizer with float32 moments: they stay what they are.
    if (update.slots?.['m']) return null;
    return updateMoments8bit(update, this.factors(update));
  }

  protected override updated(update: WeightUpdate): UpdatedWeight {
    const { variable, gradient, slots } = update;
    const factors = this.factors(update);
    const { m, v } = (slots ?? {}) as Partial<Record<'m' | 'v', tf.Tensor>>;
    const inputs = { weight: variable, gradient, m, v };
    const made = runFused(ADAMW, inputs, factors, () => composed(update, factors));
    return { value: made.updated, slots: { m: made.newM, v: made.newV } };
  }
}

/** The step in tfjs's own operations; within a tidy. */
function composed(
  { variable, gradient, slots }: WeightUpdate,
  { beta1, beta2, kept, epsilon, size }: AttributesOf<typeof ADAMW>,
): OutputsOf<typeof ADAMW, tf.Tensor> {
  let m = tf.mul(gradient, 1 - beta1);
  let v = tf.mul(tf.square(gradient), 1 - beta2);
  if (slots) {
    m = tf.add(tf.mul(slots['m'] as tf.Tensor, beta1), m);
    v = tf.add(tf.mul(slots['v'] as tf.Tensor, beta2), v);
  }
  // m / correction1 / (sqrt(v) / correction2 + epsilon), with the constants taken together.
  const root = tf.add(tf.sqrt(v), epsilon);
  const change = tf.mul(tf.div(m, root), size);
  const updated = tf.sub(decayed(variable, kept), change);
  return { updated, newM: m, newV: v };
}
