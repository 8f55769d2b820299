import type * as tf from '@tensorflow/tfjs-core';
/** What an optimizer does otherwise for some variables. */
export interface ParameterGroup {
  /** Regular expression that the names of the variables fit, such as `'stem|column_0'`. */
  names: string;
  /** Factor of the learning rate. Default 1. */
  learningRateScale?: number;
  /** Weight decay of these variables, instead of the optimizer's. */
  weightDecay?: number;
}

/** A group with its expression ready. */
export interface CompiledGroup extends ParameterGroup {
  fits: RegExp;
}

/** @throws when a group's numbers are out of range or its `names` is no regular expression */
export function toGroups(groups: readonly ParameterGroup[]): CompiledGroup[] {
  return groups.map((group, i) => {
    for (const key of ['learningRateScale', 'weightDecay'] as const) {
      const value = group[key];
      if (value != null && !(value >= 0)) {
        throw new Error(`groups[${i}]: ${key} is ${value}; expected a number from 0`);
      }
    }
    return { ...group, fits: new RegExp(group.names) };
  });
}

/** Factor of the learning rate of a variable. */
export function rateScaleOf(groups: readonly CompiledGroup[], name: string): number {
  return groups.find(({ fits }) => fits.test(name))?.learningRateScale ?? 1;
}

/** Weight decay of a variable: its group's, else none for biases and single axes, else `usual`. */
export function decayOf(
  groups: readonly CompiledGroup[],
  { name, rank }: Pick<tf.Variable, 'name' | 'rank'>,
  usual: number,
): number {
  const own = groups.find(({ fits }) => fits.test(name))?.weightDecay;
  // tfjs makes names unique by a number at the end. Biases of attention heads have two axes.
  return own ?? (rank < 2 || /(^|\/)bias(_\d+)?$/.test(name) ? 0 : usual);
}
