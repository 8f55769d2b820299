/**
 * State: variables that functions change as they run, such as moving statistics or the vectors of a
 * power iteration. Running a function again must find the values that it found in the forward pass,
 * its own and those that other functions had left by then, and must leave no trace.
 */
import * as tf from '@tensorflow/tfjs-core';

import { keptValue, undoingWrites, watchingWrites } from '../engine/writes';

/** A function's place in the network: numbers of the column, the level, and within the level. */
export type Place = readonly [column: number, level: number, fn: number];

/** Runs the function of a place. What keeps or restores state comes between caller and function. */
export type FunctionRunner = <T>(place: Place, run: () => T) => T;

/** Runs a function with the state as it is. */
export const runPlainly: FunctionRunner = (_, run) => run();

/** A value that a variable held before the function of a place ran, or after the last one. */
interface Entry {
  variable: tf.Variable;
  /** Number of the function in order of execution; `Infinity` after the last one. */
  before: number;
  /** Identity of the data that the variable held. */
  dataId: object;
}

/**
 * Which values `recordState` kept, in the order of its tensors. It holds no tensors, so that the
 * tape can own those.
 */
export interface StateLog {
  entries: Entry[];
  /** Number of a function in order of execution, by its place. */
  order: Map<string, number>;
}

/** A place as text, which tells it apart from all others. */
export const keyOf = (place: Place) => place.join('/');

/** Values of state that a forward pass kept. */
export interface RecordedState {
  log: StateLog;
  /** One per entry of the log. The caller's. */
  values: tf.Tensor[];
}

/**
 * Runs a forward pass and keeps what running its functions again will need: of every variable that a
 * function assigns to the value before it, and of the known state the value at the end.
 *
 * @param known state that functions list: what they only read, something else may change before the
 *   walk back
 * @param forward runs every function once through the given runner
 */
export function recordState<T>(
  known: readonly tf.Variable[],
  forward: (run: FunctionRunner) => T,
): { result: T } & RecordedState {
  const log: StateLog = { entries: [], order: new Map() };
  const values: tf.Tensor[] = [];
  const written = new Map<tf.Variable, number>();
  const keep = (variable: tf.Variable, before: number) => {
    log.entries.push({ variable, before, dataId: variable.dataId });
    values.push(keptValue(variable));
  };
  let current = -1;
  const run: FunctionRunner = (place, body) => {
    log.order.set(keyOf(place), ++current);
    return body();
  };
  const onWrite = (variable: tf.Variable) => {
    if (written.get(variable) === current) return;
    written.set(variable, current);
    keep(variable, current);
  };
  try {
    const result = watchingWrites(onWrite, () => forward(run));
    for (const variable of new Set([...known, ...written.keys()])) {
      keep(variable, Infinity);
    }
    return { result, log, values };
  } catch (error) {
    tf.dispose(values);
    throw error;
  }
}

/**
 * Runs functions again, each with the state that it found in a recorded forward pass.
 */
export class StateReplay {
  private readonly histories = new Map<tf.Variable, (Entry & { value: tf.Tensor })[]>();

  /** @param values one tensor per entry of the log; they stay the caller's */
  constructor(
    private readonly log: StateLog,
    values: readonly tf.Tensor[],
  ) {
    log.entries.forEach((entry, i) => {
      const history = this.histories.get(entry.variable) ?? [];
      this.histories.set(entry.variable, history);
      history.push({ ...entry, value: values[i] as tf.Tensor });
    });
  }

  /** Runs `fn`, in which functions run again, and leaves all variables as they were before. */
  during<T>(fn: () => T): T {
    return undoingWrites(fn);
  }

  /** For use inside `during`. */
  readonly run: FunctionRunner = (place, run) => {
    const number = this.log.order.get(keyOf(place)) as number;
    for (const [variable, history] of this.histories) {
      const { value, dataId } = history.find(({ before }) => before >= number) as Entry & {
        value: tf.Tensor;
      };
      // What is there already need not be assigned; `value` may be a copy with data of its own.
      if (variable.dataId !== dataId && variable.dataId !== value.dataId) variable.assign(value);
    }
    return run();
  };
}
