/**
 * What is known of the values of variables on backends that are only read asynchronously, webgl and
 * webgpu. Knowledge belongs to the very data that was read: whatever assigns to the variable, an
 * optimizer or a load of weights, it is known no more until the new values have come back.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isCompilingOnly } from '../engine/compile_only';
import { withFreshTape } from '../engine/engine';
import { readTensor } from '../engine/lost_backend';
import { letRead } from '../engine/reads_in_flight';

/** Values that came back. */
export interface Reading {
  /** Smallest magnitude. */
  smallest: number;
  /** The first value that is not finite. */
  bad?: { channel: number; value: number };
}

/** Smallest magnitude, and the first value that is not finite. */
export function readingOf(values: ArrayLike<number>): Reading {
  let smallest = Infinity;
  let bad: Reading['bad'];
  for (let channel = 0; channel < values.length; channel++) {
    const value = values[channel] as number;
    if (!Number.isFinite(value)) bad ??= { channel, value };
    smallest = Math.min(smallest, Math.abs(value));
  }
  return { smallest, bad };
}

/** Identity of the data that a variable holds; that of what it was made of, for derived data. */
function identityOf(variable: tf.Variable): object {
  return derived.get(variable.dataId) ?? variable.dataId;
}

const derived = new WeakMap<object, object>();
const known = new WeakMap<tf.Variable, Reading & { identity: object }>();

/** What is known of the values that a variable holds now, or of those they were derived from. */
export function knownReading(variable: tf.Variable): Reading | undefined {
  const reading = known.get(variable);
  return reading?.identity === identityOf(variable) ? reading : undefined;
}

/** Lets `assign` change a variable in a way that leaves what is known of it as good as it was. */
export function keepingKnowledge(variable: tf.Variable, assign: () => void): void {
  const identity = identityOf(variable);
  const group = groups.get(variable);
  groups.delete(variable);
  try {
    assign();
  } finally {
    if (group) groups.set(variable, group);
  }
  if (variable.dataId !== identity) derived.set(variable.dataId, identity);
}

/** Variables whose values are read together. */
interface Group {
  variables: readonly tf.Variable[];
  backend: string;
  /** Assigned to since they were last asked for. */
  written: Set<tf.Variable>;
  /** Gets what was not finite in values that the variable no longer holds. */
  onLateBad: (variable: tf.Variable, bad: NonNullable<Reading['bad']>) => void;
}

const groups = new WeakMap<tf.Variable, Group>();

/** Whose answer was last asked for. */
const asked = new WeakMap<tf.Variable, object>();

/**
 * Reads variables now, and from now on whenever they are assigned to: once all that are trainable
 * have been, as an optimizer does, which asks the device before anybody else asks it for the loss;
 * else when the synchronous code at work has ended.
 *
 * @param onLateBad gets what was not finite in values that have been replaced by the time they come
 */
export function readFromNowOn(
  variables: readonly tf.Variable[],
  onLateBad: Group['onLateBad'],
): void {
  const group: Group = { variables, backend: tf.getBackend(), written: new Set(), onLateBad };
  for (const variable of variables) {
    if (!Object.hasOwn(variable, 'assign')) watchAssign(variable);
    groups.set(variable, group);
    if (asked.get(variable) !== identityOf(variable)) group.written.add(variable);
  }
  readWritten(group);
}

function watchAssign(variable: tf.Variable): void {
  variable.assign = function (this: tf.Variable, value) {
    tf.Variable.prototype.assign.call(this, value);
    const group = groups.get(variable);
    // What is written without being computed is undone, and says nothing.
    if (!group || isCompilingOnly()) return;
    group.written.add(variable);
    if (group.variables.every((v) => group.written.has(v) || !v.trainable)) readWritten(group);
    else queueMicrotask(() => readWritten(group));
  };
}

/** Asks for all values in one read. Never throws: where nothing comes back, nothing is known. */
function readWritten(group: Group): void {
  const variables = [...group.written].filter((v) => !v.isDisposed);
  group.written.clear();
  if (variables.length === 0 || tf.getBackend() !== group.backend) return;
  // There are no values then; whoever comes next asks.
  if (isCompilingOnly()) return;
  const identities = variables.map(identityOf);
  variables.forEach((variable, i) => asked.set(variable, identities[i] as object));
  const read = valuesOf(variables).then((values) => {
    let start = 0;
    variables.forEach((variable, i) => {
      const reading = readingOf(values.subarray(start, (start += variable.size)));
      const identity = identities[i] as object;
      if (identityOf(variable) === identity) known.set(variable, { ...reading, identity });
      else if (reading.bad) group.onLateBad(variable, reading.bad);
    });
  });
  letRead(read);
}

async function valuesOf(variables: readonly tf.Variable[]): Promise<tf.TypedArray> {
  const all = withFreshTape(() =>
    // As rows, which webgl joins as they are; it would unpack each vector.
    tf.tidy(() =>
      tf.keep(
        tf.concat(
          variables.map((v) => tf.reshape(v, [1, -1])),
          1,
        ),
      ),
    ),
  );
  try {
    return await readTensor(all);
  } finally {
    all.dispose();
  }
}
