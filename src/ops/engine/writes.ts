/** Noticing and undoing what a computation assigns to variables. */
import * as tf from '@tensorflow/tfjs-core';

import { withFreshTape } from './engine';

/** Calls `onWrite` before each assignment to a variable that the synchronous `fn` makes. */
export function watchingWrites<T>(onWrite: (variable: tf.Variable) => void, fn: () => T): T {
  const prototype = tf.Variable.prototype;
  const assign = Object.getOwnPropertyDescriptor(prototype, 'assign') as PropertyDescriptor;
  const original = assign.value as (this: tf.Variable, value: tf.Tensor) => void;
  prototype.assign = function (this: tf.Variable, value) {
    if (!forGood) onWrite(this);
    original.call(this, value);
  };
  try {
    return fn();
  } finally {
    Object.defineProperty(prototype, 'assign', assign);
  }
}

let forGood = false;

/** Whether something runs that `writingForGood` was given. */
export function isWritingForGood(): boolean {
  return forGood;
}

/** Runs `fn`, whose assignments to variables nobody watches, and so nobody undoes. */
export function writingForGood<T>(fn: () => T): T {
  const outer = forGood;
  forGood = true;
  try {
    return fn();
  } finally {
    forGood = outer;
  }
}

/**
 * What a variable holds, as a tensor that no tidy frees. Costs no memory: assigning to a variable
 * gives it other data, so the copy shares the present ones.
 */
export function keptValue(variable: tf.Variable): tf.Tensor {
  return withFreshTape(() => tf.keep(tf.reshape(variable, variable.shape)));
}

/**
 * Runs `fn`, then gives every variable that it assigned to its former value.
 *
 * @param when asked after `fn`: whether to do so. Default: always. When `fn` throws it is done anyway
 */
export function undoingWrites<T>(fn: () => T, when = () => true): T {
  const before = new Map<tf.Variable, tf.Tensor>();
  let undo = true;
  try {
    const result = watchingWrites((variable) => {
      if (!before.has(variable)) before.set(variable, keptValue(variable));
    }, fn);
    undo = when();
    return result;
  } finally {
    for (const [variable, value] of before) {
      if (undo && !variable.isDisposed) variable.assign(value);
      value.dispose();
    }
  }
}

/**
 * Runs `fn` so that a later run with the same random numbers repeats it. A run that makes variables
 * does not count: their initializers have drawn numbers that no later run will draw, as they do in a
 * layer that builds others in its first call. It is undone and run again.
 *
 * @param discard frees what such a run gave
 */
export function runRepeatably<T>(fn: () => T, discard: (result: T) => void): T {
  const variables = () => Object.keys(tf.engine().registeredVariables).length;
  const before = variables();
  const hasMadeSome = () => variables() > before;
  const result = undoingWrites(fn, hasMadeSome);
  if (!hasMadeSome()) return result;
  discard(result);
  return fn();
}
