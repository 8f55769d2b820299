/** Parameter groups: weights that an optimizer treats otherwise, found by their names. */
import type * as tf from '@tensorflow/tfjs-core';

import { shown } from '../common/arguments';
import { requireRanges } from '../common/arguments';
import { warn } from '../common/harmless';
import { byNearness, type OptionNames, requireOptions } from '../common/options';
import { unnumbered } from './weight_names';

/** What an optimizer does otherwise for some weights. */
export interface ParameterGroup {
  /**
   * Regular expression that the names of the weights fit, such as `'stem|column_0'`. The number that
   * tfjs puts at the end of a name that is taken (`dense/kernel_1`) makes no difference.
   */
  names: string;
  /** Factor of the learning rate, from 0. Default 1. */
  learningRateScale?: number;
  /** Weight decay of these weights, from 0. Default: the optimizer's. */
  weightDecay?: number;
}

const GROUP_OPTIONS: OptionNames<ParameterGroup> & Record<string, true> = {
  names: true,
  learningRateScale: true,
  weightDecay: true,
  // What `getConfig` writes beside `names`, so that its groups may be given to a new optimizer.
  name: true,
};

/** A group with its expression ready. */
export interface CompiledGroup extends ParameterGroup {
  fits: RegExp;
}

/** What counts for one weight. */
export interface WeightSettings {
  readonly rateScale: number;
  readonly decay: number;
}

/** @throws {Error} when a group's numbers are out of range or its `names` is no regular expression */
export function toGroups(groups: readonly ParameterGroup[]): CompiledGroup[] {
  if (!Array.isArray(groups)) {
    throw new Error(`groups is ${shown(groups)}; expected a list of { names, ... }`);
  }
  return groups.map((group: ParameterGroup, i) => {
    requireOptions(`groups[${i}]`, group, GROUP_OPTIONS);
    for (const key of ['learningRateScale', 'weightDecay'] as const) {
      const value = group[key];
      if (value != null) requireRanges(`groups[${i}]`, [[key, value, value >= 0, 'from 0']]);
    }
    if (typeof group.names !== 'string') {
      throw new Error(
        `groups[${i}]: names is ${shown(group.names)}; expected a regular expression as a string, ` +
          `which can be saved`,
      );
    }
    return { ...group, fits: toExpression(group.names, i) };
  });
}

function toExpression(names: string, i: number): RegExp {
  try {
    return new RegExp(names);
  } catch (cause) {
    throw new Error(`groups[${i}]: names is '${names}'; expected a regular expression`, { cause });
  }
}

/**
 * Warns of groups that fit no weight, with the names that come nearest: they have no effect, unless
 * their weights are made later.
 *
 * @param weights names of all weights that there are
 * @param saved names that weights had when their state was saved
 */
export function warnOfIdleGroups(
  owner: string,
  groups: readonly CompiledGroup[],
  weights: readonly string[],
  saved: readonly string[],
): void {
  const names = [...new Set([...weights, ...weights.map(unnumbered), ...saved])];
  groups.forEach(({ fits, names: expression }, i) => {
    if (names.some((name) => fits.test(name))) return;
    const near = byNearness(expression, [...new Set(weights.map(unnumbered))]).slice(0, 3);
    warn(
      `${owner}: the names of groups[${i}], '${expression}', fit no weight, so the group has no effect; ` +
        `weights are called such as ${near.map((name) => `'${name}'`).join(', ')}`,
    );
  });
}

/**
 * What counts for a variable: the first group that fits it, under its own name or another.
 *
 * @param savedName the name that it had when its state was saved
 * @param usualDecay decay where no group says so; biases and variables with one axis have none
 */
export function settingsOf(
  groups: readonly CompiledGroup[],
  { name, rank }: Pick<tf.Variable, 'name' | 'rank'>,
  savedName: string,
  usualDecay: number,
): WeightSettings {
  const names = [name, unnumbered(name), savedName];
  const group = groups.find(({ fits }) => names.some((n) => fits.test(n)));
  // Biases of attention heads have two axes.
  const decays = rank >= 2 && !/(^|\/)bias(_\d+)?$/.test(name);
  return {
    rateScale: group?.learningRateScale ?? 1,
    decay: group?.weightDecay ?? (decays ? usualDecay : 0),
  };
}
