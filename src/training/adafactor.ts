/** Adafactor: squares of gradients remembered by rows and columns. */
import * as tf from '@tensorflow/tfjs-core';

import { type Range, requireRanges } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { type CommonArgs, requireKnown } from './optimizer_args';
import { alikeForm, type StateForm } from './state_layout';
import { WeightOptimizer } from './weight_optimizer';
import type { Slots } from './weight_states';
import { decayed, type UpdatedWeight, type WeightUpdate } from './weight_update';

/** Arguments of `Adafactor`. Symbols are those of the paper's algorithms 4 and 5. */
export interface AdafactorArgs extends CommonArgs {
  /** Step size, from 0; with `relativeStep` the largest. Default 0.01. */
  learningRate?: number;
  /** Whether the step size falls with the weight's steps t, `min(learningRate, 1 / sqrt(t))`. Default true. */
  relativeStep?: boolean;
  /** Whether the step size is multiplied by the root mean square of the weight. Default true. */
  scaleParameter?: boolean;
  /** Root mean square to which an update is shortened (d), above 0; null: none. Default 1. */
  clipThreshold?: number | null;
  /** The squares decay by `1 - t ** -decayExponent`, above 0. Default 0.8. */
  decayExponent?: number;
  /** Decay of the mean of updates, in [0, 1). Default 0: none is kept. */
  beta1?: number;
  /** Added to squares of gradients (epsilon 1), above 0. Default 1e-30. */
  epsilon1?: number;
  /** Least root mean square that a weight counts with (epsilon 2), above 0. Default 1e-3. */
  epsilon2?: number;
  /** Share of a weight that is taken off per step and unit of learning rate. Default 0. */
  weightDecay?: number;
}

/** Squares by rows `vr`, a weight's shape without its last axis, and by columns `vc`, without the one before. */
const FACTORED: StateForm = {
  dtypes: { vr: 'float32', vc: 'float32' },
  weightShape: ({ vr, vc }) => {
    if (!vr || !vc || vr.rank < 1 || vr.rank !== vc.rank) return null;
    const leading = vr.shape.slice(0, -1);
    if (leading.join() !== vc.shape.slice(0, -1).join()) return null;
    return [...vr.shape, vc.shape[vc.rank - 1] as number];
  },
};

/** A form with the mean of updates, in the weight's shape, besides. */
function withMean(form: StateForm): StateForm {
  return {
    dtypes: { ...form.dtypes, m: 'float32' },
    weightShape: (slots) => {
      const shape = form.weightShape(slots);
      return shape?.join() === slots['m']?.shape.join() ? shape : null;
    },
  };
}

const OPTIONS: OptionNames<Omit<AdafactorArgs, keyof CommonArgs>> = {
  learningRate: true,
  relativeStep: true,
  scaleParameter: true,
  clipThreshold: true,
  decayExponent: true,
  beta1: true,
  epsilon1: true,
  epsilon2: true,
  weightDecay: true,
};

/**
 * Adafactor (Shazeer and Stern 2018, arXiv 1804.04235, algorithms 4 and 5): of the squares of gradients
 * it keeps the means of rows and of columns, over the last two axes of a weight, instead of one number
 * per number. Weights of one axis, and those with one row or one column, keep all of theirs. Biases and
 * variables with one axis do not decay, unless a group says so. `learningRate` may be set at any time.
 *
 * @throws {Error} when an argument is out of range
 */
export class Adafactor extends WeightOptimizer {
  static className = 'RevColAdafactor';

  private readonly args: Required<Omit<AdafactorArgs, keyof CommonArgs>>;

  constructor(args: AdafactorArgs = {}) {
    // A subclass may have options of its own.
    if (new.target === Adafactor) requireKnown('Adafactor', args, OPTIONS);
    const own = {
      learningRate: args.learningRate ?? 0.01,
      relativeStep: args.relativeStep ?? true,
      scaleParameter: args.scaleParameter ?? true,
      clipThreshold: args.clipThreshold === undefined ? 1 : args.clipThreshold,
      decayExponent: args.decayExponent ?? 0.8,
      beta1: args.beta1 ?? 0,
      epsilon1: args.epsilon1 ?? 1e-30,
      epsilon2: args.epsilon2 ?? 1e-3,
      weightDecay: args.weightDecay ?? 0,
    };
    const forms = [FACTORED, alikeForm('v')];
    super({ owner: 'Adafactor', forms: own.beta1 > 0 ? forms.map(withMean) : forms }, args, own);
    const positive = (
      name: 'clipThreshold' | 'decayExponent' | 'epsilon1' | 'epsilon2',
    ): Range[] => {
      const value = own[name];
      return value === null ? [] : [[name, value, value > 0, 'above 0']];
    };
    requireRanges('Adafactor', [
      ['learningRate', own.learningRate, own.learningRate >= 0, 'from 0'],
      ['beta1', own.beta1, own.beta1 >= 0 && own.beta1 < 1, 'in [0, 1)'],
      ['weightDecay', own.weightDecay, own.weightDecay >= 0, 'from 0'],
      ...positive('clipThreshold'),
      ...positive('decayExponent'),
      ...positive('epsilon1'),
      ...positive('epsilon2'),
    ]);
    this.args = own;
  }

  protected override updated(update: WeightUpdate): UpdatedWeight {
    const { variable, step, slots, rate, rateScale, decay } = update;
    const { relativeStep, scaleParameter, clipThreshold, beta1, epsilon2 } = this.args;
    const { direction, squares } = this.direction(update);
    const size = relativeStep ? Math.min(this.learningRate, 1 / Math.sqrt(step)) * rateScale : rate;
    let factor: tf.Tensor = tf.scalar(size);
    if (scaleParameter) factor = tf.mul(factor, tf.maximum(rootMeanSquare(variable), epsilon2));
    if (clipThreshold !== null) {
      factor = tf.div(factor, tf.maximum(1, tf.div(rootMeanSquare(direction), clipThreshold)));
    }
    let change = tf.mul(direction, factor);
    direction.dispose();
    if (beta1 > 0) {
      change = tf.mul(change, 1 - beta1);
      const before = slots?.['m'];
      if (before) change = tf.add(tf.mul(before, beta1), change);
    }
    const kept = 1 - rate * decay;
    const value = tf.sub(decayed(variable, kept), change);
    return { value, slots: beta1 > 0 ? { ...squares, m: change } : squares };
  }

  /** The gradient by the root of its squares' mean, and those means. */
  private direction({ gradient, slots, step }: WeightUpdate): {
    direction: tf.Tensor;
    squares: Slots<tf.Tensor>;
  } {
    const beta2 = 1 - step ** -this.args.decayExponent;
    const mean = (now: tf.Tensor, before: tf.Tensor | undefined) =>
      before ? tf.add(tf.mul(before, beta2), tf.mul(now, 1 - beta2)) : now;
    const square = tf.add(tf.square(gradient), this.args.epsilon1);
    const [rows = 1, columns = 1] = gradient.shape.slice(-2);
    if (gradient.rank < 2 || rows < 2 || columns < 2) {
      const v = mean(square, slots?.['v']);
      return { direction: tf.mul(gradient, tf.rsqrt(v)), squares: { v } };
    }
    const vr = mean(tf.mean(square, -1), slots?.['vr']);
    const vc = mean(tf.mean(square, -2), slots?.['vc']);
    square.dispose();
    // The roots one by one: their product would be too small for a float.
    const byRow = tf.rsqrt(tf.div(vr, tf.mean(vr, -1, true)));
    const scaled = tf.mul(gradient, tf.expandDims(byRow, -1));
    const direction = tf.mul(scaled, tf.expandDims(tf.rsqrt(vc), -2));
    scaled.dispose();
    return { direction, squares: { vr, vc } };
  }
}

function rootMeanSquare(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.sqrt(tf.mean(tf.square(x))));
}
