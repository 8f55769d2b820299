/** Gradients shortened one by one, while those of other weights are not there yet, or no more. */
import * as tf from '@tensorflow/tfjs-core';

import type { CommonArgs } from './optimizer_args';

/** Below it a norm counts as this, so that nothing is divided by 0. */
const LEAST_NORM = 1e-12;

/** The norm of the last step's gradients, a tensor of one number. */
export class LastNorm {
  private variable: tf.Variable | null = null;

  /** The norm; null before the first step. */
  get value(): tf.Tensor | null {
    return this.variable;
  }

  set(norm: tf.Tensor): void {
    if (this.variable) this.variable.assign(norm);
    else this.variable = tf.tidy(() => tf.variable(tf.clone(norm), false));
  }

  /** Goes on from a norm that was saved; null: there was no step. */
  restore(norm: number | null): void {
    this.dispose();
    if (norm != null) tf.tidy(() => this.set(tf.scalar(norm)));
  }

  dispose(): void {
    this.variable?.dispose();
    this.variable = null;
  }
}

/** The clipping of one step. */
export class Clipping {
  private readonly factor: tf.Tensor | null;
  /** Squared norms of gradients as they came, in the order of the variables. */
  private readonly squares = new Map<tf.Variable, tf.Tensor>();

  constructor(
    private readonly args: Pick<CommonArgs, 'clipWeightNorm' | 'clipPreviousNorm'>,
    private readonly variables: readonly tf.Variable[],
    private readonly lastNorm: LastNorm,
  ) {
    const { value } = lastNorm;
    const clip = args.clipPreviousNorm;
    this.factor =
      clip == null || value == null ? null : tf.tidy(() => tf.keep(shortening(value, clip)));
  }

  /** The shortened gradient, or the given one itself. */
  apply(variable: tf.Variable, gradient: tf.Tensor): tf.Tensor {
    const { clipWeightNorm, clipPreviousNorm } = this.args;
    if (clipWeightNorm == null && clipPreviousNorm == null) return gradient;
    const square = tf.sum(tf.square(gradient));
    if (clipPreviousNorm != null) this.squares.set(variable, tf.keep(square));
    let clipped = this.factor ? tf.mul(gradient, this.factor) : gradient;
    if (clipWeightNorm != null) {
      const norm = this.factor ? tf.mul(tf.sqrt(square), this.factor) : tf.sqrt(square);
      clipped = tf.mul(clipped, shortening(norm, clipWeightNorm));
    }
    return clipped;
  }

  /** Remembers the norm for the next step. */
  end(): void {
    const squares = this.variables.flatMap((v) => this.squares.get(v) ?? []);
    if (squares.length > 0) tf.tidy(() => this.lastNorm.set(tf.sqrt(tf.addN(squares))));
  }

  /** Frees what the step needed. */
  dispose(): void {
    this.factor?.dispose();
    tf.dispose([...this.squares.values()]);
  }
}

/** The factor that shortens what has a norm to at most `longest`. */
export function shortening(norm: tf.Tensor, longest: number): tf.Tensor {
  return tf.minimum(1, tf.div(longest, tf.maximum(norm, LEAST_NORM)));
}
