import * as tf from '@tensorflow/tfjs-core';

import type { Column } from './column';

/** Smallest magnitude an alpha may have: undoing a column divides by it (paper section 2.1). */
export const MIN_ALPHA = 1e-3;

/** Backends that cannot read a tensor synchronously with a right result. */
const ASYNC_ONLY = new Set(['webgpu']);

/** Smallest magnitudes known from earlier asynchronous reads. */
const lastKnown = new WeakMap<tf.Variable, number>();

/** An alpha of one level, and where it stands, for error messages. */
export interface NamedAlpha {
  variable: tf.Variable;
  column: number;
  level: number;
}

/**
 * The alphas in use, first column first, bottom level first.
 *
 * @param hasPrevious whether the first column adds to given features and so uses its alphas
 */
export function namedAlphas(columns: readonly Column[], hasPrevious: boolean): NamedAlpha[] {
  return columns.flatMap((c, column) =>
    column === 0 && !hasPrevious
      ? []
      : c.alphas.map((variable, level) => ({ variable, column, level })),
  );
}

function describe({ column, level }: NamedAlpha): string {
  return `alpha of column ${column}, level ${level}`;
}

function smallestMagnitude(values: ArrayLike<number>): number {
  let smallest = Infinity;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i] as number);
    if (!(magnitude >= smallest)) smallest = magnitude;
  }
  return smallest;
}

function clamped(alpha: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const sign = tf.sub(tf.mul(tf.cast(tf.greaterEqual(alpha, 0), 'float32'), 2), 1);
    return tf.mul(sign, tf.maximum(tf.abs(alpha), MIN_ALPHA));
  });
}

function assignClamped(variable: tf.Variable): void {
  tf.tidy(() => variable.assign(clamped(variable)));
}

/** One read for all alphas where each read would stall the GPU. */
function readAll(alphas: readonly NamedAlpha[]): ArrayLike<number>[] {
  if (tf.getBackend() !== 'webgl') return alphas.map(({ variable }) => variable.dataSync());
  const all = tf.tidy(() => tf.concat(alphas.map(({ variable }) => tf.reshape(variable, [-1]))));
  const values = all.dataSync();
  all.dispose();
  let start = 0;
  return alphas.map(({ variable }) => values.subarray(start, (start += variable.size)));
}

/** Refreshes what is known of the alphas without waiting, for the next step. */
function readLater(alphas: readonly NamedAlpha[]): void {
  for (const { variable } of alphas) {
    const copy = tf.keep(tf.clone(variable));
    void copy
      .data()
      .then((values) => {
        lastKnown.set(variable, Math.max(MIN_ALPHA, smallestMagnitude(values)));
      })
      .finally(() => copy.dispose());
  }
}

/**
 * Clamps every alpha to a magnitude of at least `MIN_ALPHA`, sign kept (zero counts as positive),
 * written back to the variable, and returns the smallest magnitude of each. Where the backend can
 * only be read asynchronously, the magnitudes are those of the previous call, and `MIN_ALPHA`, the
 * worst case, in the first.
 *
 * @throws {Error} when an alpha holds a value that is not finite; then no alpha has been changed
 */
export function clampAlphas(alphas: readonly NamedAlpha[]): number[] {
  if (alphas.length === 0) return [];
  if (ASYNC_ONLY.has(tf.getBackend())) {
    alphas.forEach(({ variable }) => assignClamped(variable));
    const known = alphas.map(({ variable }) => lastKnown.get(variable) ?? MIN_ALPHA);
    readLater(alphas);
    return known;
  }
  const values = readAll(alphas);
  alphas.forEach((alpha, i) => {
    const bad = Array.from(values[i] as ArrayLike<number>).findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) {
      throw new Error(
        `RevColBackbone: ${describe(alpha)} is ${(values[i] as ArrayLike<number>)[bad]} in channel ` +
          `${bad}; expected finite numbers. Training has diverged or bad weights were set: lower ` +
          `the learning rate or load sound weights`,
      );
    }
  });
  return alphas.map(({ variable }, i) => {
    const smallest = smallestMagnitude(values[i] as ArrayLike<number>);
    if (smallest < MIN_ALPHA) assignClamped(variable);
    return Math.max(MIN_ALPHA, smallest);
  });
}
