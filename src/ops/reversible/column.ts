/** One column: forward, and undone. */
import * as tf from '@tensorflow/tfjs-core';

import { isTapeOn } from '../engine/engine';
import { deriveSeed } from '../engine/random';
import { atPlace } from '../engine/reads';
import { free, tidyAll } from '../engine/tensors';
import { undoingWrites } from '../engine/writes';
import { scaledSum, undone } from '../scaled_sum';
import { type Level, levelForward, type LevelRunner } from './level';
import { type LevelContext } from './level_function';
import { type FunctionRunner, runPlainly } from './state';

/** One column: its levels, bottom first, and their alphas. */
export interface Column {
  levels: readonly Level[];
  /** One per level, `[channels]`; not used in the first column, which has nothing to add to. */
  alphas: readonly tf.Variable[];
  /** Whether gradients of the alphas are wanted. */
  alphaTrainable: boolean;
  /** Whether level 0 also sees the previous column's top level (the Huge variant). */
  topFusion: boolean;
}

/** State that the functions of columns list. */
export function listedState(columns: readonly Column[]): tf.Variable[] {
  return columns.flatMap(({ levels }) =>
    levels.flatMap(({ functions }) => functions.flatMap((fn) => [...fn.state])),
  );
}

/** Features of all levels of a column, bottom first. */
export type Features = readonly tf.Tensor[];

/** The operand that a level's fusion takes from each place, in the fusion's input order. */
export type Operand =
  | { from: 'stem' }
  /** Same column, the level below. */
  | { from: 'lower'; level: number }
  /** Previous column. */
  | { from: 'previous'; level: number };

/** Which operands level `l` of a column has: lower, then upper, then top. */
export function operands(
  level: number,
  levels: number,
  isFirst: boolean,
  topFusion: boolean,
): Operand[] {
  const list: Operand[] = [level === 0 ? { from: 'stem' } : { from: 'lower', level: level - 1 }];
  if (!isFirst && level < levels - 1) list.push({ from: 'previous', level: level + 1 });
  if (!isFirst && level === 0 && topFusion) list.push({ from: 'previous', level: levels - 1 });
  return list;
}

/** Picks a level's operands out of the stem's output and the two columns' features. */
export function operandTensors(
  list: readonly Operand[],
  stem: tf.Tensor,
  current: readonly (tf.Tensor | null)[],
  previous: readonly (tf.Tensor | null)[],
): tf.Tensor[] {
  return list.map((o) =>
    o.from === 'stem'
      ? stem
      : ((o.from === 'lower' ? current[o.level] : previous[o.level]) as tf.Tensor),
  );
}

/** The context of one level of one column. */
export function levelContext(context: LevelContext, column: number, level: number): LevelContext {
  return { ...context, seed: deriveSeed(context.seed, column, level) };
}

/** The runner of one level's functions. */
export function levelRunner(run: FunctionRunner, column: number, level: number): LevelRunner {
  return (fn, body) => run([column, level, fn], body);
}

/** Where in the network an alpha is read. */
export const alphaPlace = (column: number, level: number) => `${column}/${level}/alpha`;

/**
 * One column forward: `c[l] = alpha[l] * previous[l] + F_l(...)` (paper equation 2).
 *
 * @param previous the previous column's features, or null in the first column
 */
export function columnForward(
  column: Column,
  index: number,
  stem: tf.Tensor,
  previous: Features | null,
  context: LevelContext,
  run: FunctionRunner = runPlainly,
): tf.Tensor[] {
  const features: tf.Tensor[] = [];
  column.levels.forEach((level, l) => {
    const list = operands(l, column.levels.length, previous == null, column.topFusion);
    features[l] = tf.tidy(() => {
      const f = levelForward(
        level,
        operandTensors(list, stem, features, previous ?? []),
        levelContext(context, index, l),
        levelRunner(run, index, l),
      );
      if (previous == null) return f;
      const [before, alpha] = [previous[l] as tf.Tensor, column.alphas[l] as tf.Tensor];
      return atPlace(alphaPlace(index, l), () =>
        isTapeOn() ? tf.add(f, tf.mul(before, alpha)) : scaledSum(before, alpha, f),
      );
    });
  });
  return features;
}

/** `(c - f) / alpha`: the previous column's feature of one level. */
export function undoLevel(c: tf.Tensor, f: tf.Tensor, alpha: tf.Tensor): tf.Tensor {
  return undone(c, f, alpha);
}

/**
 * The inverse of a column: recovers the previous column's features from this column's, from the top
 * level down (paper equation 3).
 *
 * @param features this column's features, exact or recovered
 * @param run runs the functions again; what they assign to variables is undone
 */
export function columnInverse(
  column: Column,
  index: number,
  stem: tf.Tensor,
  features: Features,
  context: LevelContext,
  run: FunctionRunner = runPlainly,
): tf.Tensor[] {
  return undoingWrites(() =>
    tidyAll(() => {
      const previous: tf.Tensor[] = [];
      for (let l = column.levels.length - 1; l >= 0; l--) {
        const list = operands(l, column.levels.length, false, column.topFusion);
        const f = levelForward(
          column.levels[l] as Level,
          operandTensors(list, stem, features, previous),
          levelContext(context, index, l),
          levelRunner(run, index, l),
        );
        previous[l] = undoLevel(features[l] as tf.Tensor, f, column.alphas[l] as tf.Tensor);
        free(f);
      }
      return previous;
    }),
  );
}
