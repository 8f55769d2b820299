/** Which saved state of an optimizer belongs to which weight. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../common/arguments';
import { isNameless, rootName } from './weight_names';

/** State that was saved under a name. */
export interface NamedState {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether its weight is known to be gone: then it waits only for one that is frozen. */
  readonly bereft?: boolean;
}

type Weight = Pick<tf.Variable, 'id' | 'name' | 'shape' | 'trainable'>;

/** Where to look, and what to believe. */
export interface MatchOptions<V> {
  /** The optimizer, for messages. */
  owner: string;
  /** Variables that are there but not being trained now: state may wait for one of these. */
  others: readonly V[];
  /**
   * Whether a saved model brought the state. Then its weights have the names that they were saved
   * with, but for tfjs's numbers; else names are as good as positions.
   */
  fromModel: boolean;
}

/** Pairs, and what found no weight. */
export interface Match<S, V> {
  /** By name, or else by position. */
  pairs: ReadonlyMap<S, V>;
  byPosition: boolean;
  /** Neither a weight to be trained nor another variable fits these. */
  misfits: readonly S[];
}

/**
 * Finds the weights of saved states, both in the order of their model: by names, less the numbers
 * that tfjs adds; where names say nothing, by position, as tfjs's own optimizers do, when numbers
 * and all shapes agree. State of a weight that is there but not trained now (frozen) waits.
 *
 * @throws {Error} when names and positions both make sense and contradict each other, or several
 * weights have equal claims
 */
export function matchStates<S extends NamedState, V extends Weight>(
  states: readonly S[],
  weights: readonly V[],
  { owner, others, fromModel }: MatchOptions<V>,
): Match<S, V> {
  const { pairs, unclear } = matchNames(states, weights, others);
  const left = states.filter((s) => !pairs.has(s) && !unclear.includes(s));
  const places = new Map(states.map((s, i) => [s, weights[i] as V]));
  const inPlace =
    states.length === weights.length && states.every((s, i) => fits(s, weights[i] as V));

  const waits = (s: S, may: (v: V) => boolean) => others.some((v) => may(v) && isSame(s, v));
  const isFrozen = (v: V) => !v.trainable && !isNameless(v.name);
  // Variables that are merely not in this step, where all names are the same to the letter.
  const exact = pairs.size === weights.length && [...pairs].every(([s, v]) => s.name === v.name);
  const misfits = left.filter((s) => {
    if (fromModel && !s.bereft) return !waits(s, () => true);
    return !waits(s, (v) => isFrozen(v) || (exact && !s.bereft && v.name === s.name));
  });
  const namesWork = misfits.length === 0 && unclear.length === 0;
  if (inPlace && !(namesWork && (fromModel || left.length === 0))) {
    // The others of these names may be of another model, or the very ones that are meant.
    if (namesWork) throw new Error(ambiguous(owner, left));
    return { pairs: places, byPosition: true, misfits: [] };
  }
  if (unclear.length > 0) throw new Error(ambiguous(owner, unclear));
  return { pairs, byPosition: false, misfits };
}

/**
 * Pairs that names alone make.
 *
 * @param others variables that are there but not being trained now. Where some weights of a layer are
 * frozen, they tell which of those of one name is the first: numbers differ between processes
 */
export function matchNames<S extends NamedState, V extends Weight>(
  states: readonly S[],
  weights: readonly V[],
  others: readonly V[] = [],
): { pairs: Map<S, V>; unclear: S[] } {
  const pairs = new Map<S, V>();
  const unclear: S[] = [];
  const weightsOf = groupBy(weights, ({ name }) => rootName(name));
  const othersOf = groupBy(others, ({ name }) => rootName(name));
  for (const [root, own] of groupBy(states, ({ name }) => rootName(name))) {
    const found = weightsOf.get(root) ?? [];
    const exact = own.map((s) => found.find((v) => v.name === s.name && fits(s, v)));
    const inOrder = own.length === found.length && own.every((s, i) => fits(s, found[i] as V));
    if (inOrder && exact.some((v) => v === undefined)) {
      own.forEach((s, i) => pairs.set(s, found[i] as V));
      continue;
    }
    const all = [...found, ...(othersOf.get(root) ?? [])].sort((a, b) => a.id - b.id);
    if (own.length === all.length && own.every((s, i) => fits(s, all[i] as V))) {
      own.forEach((s, i) => found.includes(all[i] as V) && pairs.set(s, all[i] as V));
      continue;
    }
    own.forEach((s, i) => exact[i] && pairs.set(s, exact[i]));
    const taken = new Set(exact);
    for (const s of own.filter((_, i) => !exact[i])) {
      const free = found.filter((v) => !taken.has(v) && fits(s, v));
      const rivals = own.filter((other, i) => !exact[i] && free.some((v) => fits(other, v)));
      if (free.length === 1 && rivals.length === 1) pairs.set(s, free[0] as V);
      else if (free.length > 0) unclear.push(s);
    }
  }
  return { pairs, unclear };
}

/** What to do about states that fit nothing. */
export function misfitMessage(
  owner: string,
  misfits: readonly NamedState[],
  count: number,
): string {
  return (
    `${owner}: ${misfits.length} of ${count} saved states fit no weight: ${list(misfits)}. Expected ` +
    `state of the weights that are trained; train the model that it was saved with, or begin anew ` +
    `with model.compile({optimizer: new ${owner}(...), ...})`
  );
}

function ambiguous(owner: string, states: readonly NamedState[]): string {
  return (
    `${owner}: which weights have the saved states of ${list(states)} is not clear from their names ` +
    `and order. Train the weights that were trained when it was saved for one step first, or give ` +
    `the layers names, or begin anew with model.compile({optimizer: new ${owner}(...), ...})`
  );
}

function list(states: readonly NamedState[]): string {
  const shown = states.slice(0, 5).map(({ name, shape }) => `'${name}' ${show(shape)}`);
  return shown.join(', ') + (states.length > 5 ? ', ...' : '');
}

function isSame(state: NamedState, variable: Weight): boolean {
  return rootName(state.name) === rootName(variable.name) && fits(state, variable);
}

function fits({ shape }: NamedState, variable: Weight): boolean {
  return shape.length === variable.shape.length && shape.every((n, i) => n === variable.shape[i]);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
