/** Parameter groups in a saved model's configuration, whose text tfjs rewrites when it loads. */
import type * as tf from '@tensorflow/tfjs-core';

import type { CompiledGroup, ParameterGroup } from './parameter_groups';

/**
 * Groups as a configuration. tfjs turns snake case into camel case in every text of a configuration
 * (`column_0` into `column0`) except under the key `name`; so the expression is there as well.
 */
export function groupsToConfig(
  groups: readonly ParameterGroup[],
): tf.serialization.ConfigDictArray {
  return groups.map(({ names, learningRateScale, weightDecay }) => ({
    names,
    name: names,
    ...(learningRateScale == null ? {} : { learningRateScale }),
    ...(weightDecay == null ? {} : { weightDecay }),
  }));
}

/** Groups of a configuration. */
export interface SavedGroups {
  groups: ParameterGroup[];
  /** Indices of the groups whose expressions tfjs may have rewritten: of version 0.1.0. */
  rewritten: number[];
}

/** Takes what `groupsToConfig` gave, or version 0.1.0 wrote. */
export function groupsFromConfig(config: unknown): SavedGroups {
  const rewritten: number[] = [];
  const groups = ((config ?? []) as (ParameterGroup & { name?: string })[]).map((saved, i) => {
    const { name, ...group } = saved;
    if (name != null) return { ...group, names: name };
    // Only what holds a capital or a digit can have lost an underscore.
    if (/[A-Z\d]/.test(group.names)) rewritten.push(i);
    return { ...group, names: withUnderscores(group.names) };
  });
  return { groups, rewritten };
}

/**
 * The expression that fits what the original of a rewritten one fitted: each capital and each digit
 * may have had underscores before it. Classes, counts and escapes stay as they are. A number at the
 * very end may be missing: version 0.1.0's `layerDecayGroups` wrote those that tfjs had given.
 */
export function withUnderscores(rewritten: string): string {
  const parts = /\\.|\[(?:\\.|[^\]])*\]|\{[^}]*\}|\(\?<?[^:=!>]*[:=!>]|[A-Z]|\d/g;
  const tolerant = rewritten.replace(parts, (part) => {
    if (/^\d$/.test(part)) return `(?:_*${part})`;
    return /^[A-Z]$/.test(part) ? `(?:_*${part}|_+${part.toLowerCase()})` : part;
  });
  return tolerant.replace(/((?:\(\?:_\*\d\))+)\$$/, '(?:$1)?$$');
}

/**
 * Asserts that expressions which tfjs may have rewritten still fit something.
 *
 * @param names names of all weights, now and when they were saved
 * @throws {Error} when one fits nothing
 */
export function assertGroupsFit(
  groups: readonly CompiledGroup[],
  rewritten: readonly number[],
  names: readonly string[],
): void {
  for (const i of rewritten) {
    const { fits, names: expression } = groups[i] as CompiledGroup;
    if (names.some((name) => fits.test(name))) continue;
    throw new Error(
      `AdamW: groups[${i}] was saved by tfjs-revcol 0.1.0, and tfjs has rewritten its names while ` +
        `loading; as '${expression}' they fit no weight. Give the groups again and keep the state: ` +
        `optimizer = new AdamW({groups, ...}); await optimizer.setWeights(await ` +
        `model.optimizer.getWeights()); model.compile({optimizer, ...})`,
    );
  }
}
