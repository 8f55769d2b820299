/** The alphas of columns: clamped before every use, and how small they are. */
import * as tf from '@tensorflow/tfjs-core';

import { warn } from '../../common/harmless';
import { withFreshTape } from '../engine/engine';
import type { Column } from './column';
import {
  keepingKnowledge,
  knownReading,
  readFromNowOn,
  type Reading,
  readingOf,
} from './late_reads';

/** Smallest magnitude an alpha may have: undoing a column divides by it (paper section 2.1). */
export const MIN_ALPHA = 1e-3;

/**
 * Backends that are only asked asynchronously. webgpu may give zeros when asked synchronously, webgl
 * stalls until the GPU has done all that it was given; others throw, and are entered here when they do.
 */
const ASYNC_ONLY = new Set(['webgpu', 'webgl']);

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

function notFinite(alpha: NamedAlpha, { channel, value }: NonNullable<Reading['bad']>): string {
  return (
    `RevColBackbone: ${describe(alpha)} is ${value} in channel ${channel}; expected finite numbers. ` +
    `Training has diverged or bad weights were set: lower the learning rate or load sound weights`
  );
}

function clamped(alpha: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const sign = tf.sub(tf.mul(tf.cast(tf.greaterEqual(alpha, 0), 'float32'), 2), 1);
    // Not a maximum, which on some devices makes a number of what is none.
    return tf.where(tf.less(tf.abs(alpha), MIN_ALPHA), tf.mul(sign, MIN_ALPHA), alpha);
  });
}

function assignClamped(variable: tf.Variable): void {
  withFreshTape(() => tf.tidy(() => variable.assign(clamped(variable))));
}

/** All values; null where none can be had now. */
function readNow(alphas: readonly NamedAlpha[]): ArrayLike<number>[] | null {
  if (ASYNC_ONLY.has(tf.getBackend())) return null;
  try {
    return alphas.map(({ variable }) => variable.dataSync());
  } catch (error) {
    if (alphas.some(({ variable }) => variable.isDisposed)) throw error;
    ASYNC_ONLY.add(tf.getBackend());
    return null;
  }
}

/** Clamps with what is known of values that cannot be read now; the worst case where nothing is. */
function clampUnread(alphas: readonly NamedAlpha[]): number[] {
  const readings = alphas.map(({ variable }) => knownReading(variable));
  assertFinite(alphas, readings);
  const named = new Map(alphas.map((alpha) => [alpha.variable, alpha]));
  // Asked for before they are clamped: what comes back tells of numbers that are none.
  readFromNowOn([...named.keys()], (variable, bad) => {
    warn(`One step late: ${notFinite(named.get(variable) as NamedAlpha, bad)}`);
  });
  return alphas.map(({ variable }, i) => {
    const smallest = readings[i]?.smallest ?? 0;
    if (smallest < MIN_ALPHA) keepingKnowledge(variable, () => assignClamped(variable));
    return Math.max(MIN_ALPHA, smallest);
  });
}

function assertFinite(
  alphas: readonly NamedAlpha[],
  readings: readonly (Reading | undefined)[],
): void {
  alphas.forEach((alpha, i) => {
    const bad = readings[i]?.bad;
    if (bad) throw new Error(notFinite(alpha, bad));
  });
}

/**
 * Clamps every alpha to a magnitude of at least `MIN_ALPHA`, sign kept (zero counts as positive),
 * written back to the variable, and returns the smallest magnitude of each. Where the backend is
 * only read asynchronously, it is `MIN_ALPHA`, the worst case, for an alpha whose present values
 * have not come back yet.
 *
 * @throws {Error} when an alpha is known to hold a value that is not finite; then none has been changed
 */
export function clampAlphas(alphas: readonly NamedAlpha[]): number[] {
  if (alphas.length === 0) return [];
  const values = readNow(alphas);
  if (!values) return clampUnread(alphas);
  const readings = values.map(readingOf);
  assertFinite(alphas, readings);
  return alphas.map(({ variable }, i) => {
    const { smallest } = readings[i] as Reading;
    if (smallest < MIN_ALPHA) assignClamped(variable);
    return Math.max(MIN_ALPHA, smallest);
  });
}
