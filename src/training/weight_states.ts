/** The tensors and step counts that an optimizer keeps for weights, in the order of their model. */
import * as tf from '@tensorflow/tfjs-core';

import { matchNames, matchStates, misfitMessage } from './match_states';

/** Tensors that are kept for one weight, such as its moments, by what their saved names end with. */
export type Slots<T extends tf.Tensor = tf.Variable> = Readonly<Record<string, T>>;

/** State of one weight, or state that waits for its weight. */
export interface WeightState {
  /** Name to save it under: the weight's, or the one that it was saved under before. */
  name: string;
  /** Not there while the state waits. */
  variable?: tf.Variable;
  /** Not there before the first update. */
  slots?: Slots;
  /** The weight's shape. */
  shape: readonly number[];
  /** Updates so far. */
  steps: number;
}

/** State as it was saved. */
export interface SavedState {
  name: string;
  slots: Slots<tf.Tensor>;
  /** The weight's shape. */
  shape: readonly number[];
  steps: number;
}

/** States with what is known of them. */
export interface WholeStates {
  states: readonly WeightState[];
  /** Whether there are some that no step has yet found a weight for. */
  unproven: boolean;
  fromModel: boolean;
  /** Those whose weights are gone. */
  orphans: readonly WeightState[];
}

/** A waiting state, in the form that is matched. */
interface Waiting {
  name: string;
  shape: readonly number[];
  bereft: boolean;
  state: WeightState;
}

/**
 * States by the variables themselves, never by their names: those of a loaded model differ from the
 * names that it was saved with.
 */
export class WeightStates {
  private states: WeightState[] = [];
  private readonly byVariable = new Map<tf.Variable, WeightState>();
  /** Restored states that no step has yet found a weight for. */
  private unproven = false;
  private fromModel = false;
  /** Waiting states whose weights are gone; they go on with the next ones that fit, or are freed. */
  private readonly orphans = new Set<WeightState>();

  /** @param owner the optimizer, for messages */
  constructor(private readonly owner: string) {}

  /** What there is to save, in order. */
  get saved(): (WeightState & { slots: Slots })[] {
    return this.states.filter((s): s is WeightState & { slots: Slots } => s.slots != null);
  }

  /** All states with what is known of them, for saving together with their weights. */
  get whole(): WholeStates {
    const { states, unproven, fromModel, orphans } = this;
    const gone = states.filter((s) => orphans.has(s) || s.variable?.isDisposed);
    return { states, unproven, fromModel, orphans: gone };
  }

  /** Takes these states instead of all that there are; their tensors become this table's. */
  take({ states, unproven, fromModel, orphans }: WholeStates): void {
    this.dispose();
    this.states = [...states];
    this.unproven = unproven;
    this.fromModel = fromModel;
    for (const state of orphans) this.orphans.add(state);
    for (const s of states) if (s.variable) this.byVariable.set(s.variable, s);
  }

  /** Names that states were saved under. */
  get names(): string[] {
    return this.states.map(({ name }) => name);
  }

  /**
   * States of variables, made where there are none; restored ones find theirs here.
   *
   * @param variables in the order of their model
   * @throws {Error} when restored state fits no weight; then nothing has changed
   */
  of(variables: readonly tf.Variable[]): WeightState[] {
    this.orphanDisposed();
    const strangers = variables.filter((v) => !this.byVariable.has(v));
    if (strangers.length > 0) this.assign(strangers);
    let before: WeightState | undefined;
    return variables.map((variable, i) => {
      const state = this.byVariable.get(variable) ?? this.insert(variable, before, variables, i);
      before = state;
      return state;
    });
  }

  /**
   * Takes saved states instead of all that there are. They find their weights in the next `of`, but
   * for states of this very table, whose weights are known.
   *
   * @param fromModel whether the state comes with a model that has just been loaded
   */
  restore(saved: readonly SavedState[], fromModel: boolean): void {
    const known = new Map(this.states.map((s) => [s.name, s]));
    const own = saved.every(({ name, shape }) => known.get(name)?.shape.join() === shape.join());
    const old = this.states;
    const copies = copiesOf(saved);
    const restored = saved.map(({ name, shape, steps }, i): WeightState => {
      const state = { name, shape, steps, slots: copies[i] as Slots };
      return own ? { ...known.get(name), ...state } : state;
    });
    if (own) {
      const given = new Map(restored.map((s) => [s.name, s]));
      this.states = this.states.flatMap(({ name, variable }) => {
        const fresh = variable && { name, variable, shape: variable.shape, steps: 0 };
        const state = given.get(name) ?? fresh;
        return state ? [state] : [];
      });
    } else {
      this.states = restored;
      this.unproven = true;
      this.fromModel = fromModel;
    }
    const orphans = new Set([...this.orphans].map(({ name }) => name));
    this.orphans.clear();
    for (const s of this.states) if (own && orphans.has(s.name)) this.orphans.add(s);
    this.byVariable.clear();
    for (const s of this.states) if (s.variable) this.byVariable.set(s.variable, s);
    old.forEach(freeSlots);
  }

  /** Frees all tensors and forgets all weights. */
  dispose(): void {
    this.states.forEach(freeSlots);
    this.states = [];
    this.byVariable.clear();
    this.orphans.clear();
    this.unproven = false;
  }

  private orphanDisposed(): void {
    for (const [variable, state] of this.byVariable) {
      if (!variable.isDisposed) continue;
      this.byVariable.delete(variable);
      delete state.variable;
      if (state.slots) this.orphans.add(state);
      else this.states = this.states.filter((s) => s !== state);
    }
  }

  /** Gives waiting states to the variables that they belong to. */
  private assign(strangers: readonly tf.Variable[]): void {
    const waiting = this.states.flatMap((state): Waiting[] => {
      const { name, shape, slots, variable } = state;
      if (variable || !slots) return [];
      return [{ name, shape, bereft: this.orphans.has(state), state }];
    });
    if (waiting.length === 0) return;
    if (!this.unproven && this.orphans.size === 0) {
      // The others wait for weights that were frozen when they were restored.
      for (const [{ state }, variable] of matchNames(waiting, strangers).pairs) {
        this.bind(state, variable);
      }
      return;
    }
    const others = Object.values(tf.engine().registeredVariables).filter(
      (v) => !this.byVariable.has(v) && !strangers.includes(v),
    );
    const { owner, fromModel } = this;
    const match = matchStates(waiting, strangers, { owner, others, fromModel });
    const misfits = match.misfits.filter(({ bereft }) => !bereft);
    if (misfits.length > 0) throw new Error(misfitMessage(owner, misfits, waiting.length));
    for (const { state } of match.misfits) this.free(state);
    // A name that was given by position belongs to another weight.
    if (match.byPosition) for (const { state } of match.pairs.keys()) state.name = '';
    for (const [{ state }, variable] of match.pairs) {
      if (match.byPosition) state.name = this.freeName(variable);
      this.bind(state, variable);
    }
    this.orphans.clear();
    this.unproven = false;
  }

  private bind(state: WeightState, variable: tf.Variable): void {
    state.variable = variable;
    this.byVariable.set(variable, state);
  }

  private free(state: WeightState): void {
    freeSlots(state);
    this.states = this.states.filter((s) => s !== state);
  }

  /** A new variable's place is after the one before it, else before the next one that is known. */
  private insert(
    variable: tf.Variable,
    before: WeightState | undefined,
    variables: readonly tf.Variable[],
    i: number,
  ): WeightState {
    const state = { name: this.freeName(variable), variable, shape: variable.shape, steps: 0 };
    const next = variables.slice(i + 1).find((v) => this.byVariable.has(v));
    const place = before
      ? this.states.indexOf(before) + 1
      : next
        ? this.states.indexOf(this.byVariable.get(next) as WeightState)
        : this.states.length;
    this.states.splice(place, 0, state);
    this.byVariable.set(variable, state);
    return state;
  }

  /** The variable's name, or one that no other state has. */
  private freeName({ name }: tf.Variable): string {
    const taken = new Set(this.names);
    let free = name;
    for (let i = 1; taken.has(free); i++) free = `${name}_${i}`;
    return free;
  }
}

function freeSlots({ slots }: WeightState): void {
  tf.dispose(Object.values(slots ?? {}));
}

/** Copies that live on; none where one fails. */
function copiesOf(saved: readonly SavedState[]): Slots[] {
  const made: tf.Variable[] = [];
  const copy = (t: tf.Tensor) => {
    const variable = tf.tidy(() => tf.variable(tf.clone(t), false));
    made.push(variable);
    return variable;
  };
  try {
    return saved.map(({ slots }) =>
      Object.fromEntries(Object.entries(slots).map(([suffix, t]) => [suffix, copy(t)])),
    );
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}
