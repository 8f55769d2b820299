/** Noticing and undoing what a computation assigns to variables. */
import * as tf from '@tensorflow/tfjs-core';

import { withFreshTape } from './engine';

/** Calls `onWrite` before each assignment to a variable that the synchronous `fn` makes. */
export function watchingWrites<T>(onWrite: (variable: tf.Variable) => void, fn: () => T): T {
  const prototype = tf.Variable.prototype;
  const assign = Object.getOwnPropertyDescriptor(prototype, 'assign') as PropertyDescriptor;
  const original = assign.value as (this: tf.Variable, value: tf.Tensor) => void;
  prototype.assign = function (this: tf.Variable, value) {
    onWrite(this);
    original.call(this, value);
  };
  try {
    return fn();
  } finally {
    Object.defineProperty(prototype, 'assign', assign);
  }
}

/**
 * What a variable holds, as a tensor that no tidy frees. Costs no memory: assigning to a variable
 * gives it other data, so the copy shares the present ones. (A clone would copy them on wasm.)
 */
export function keptValue(variable: tf.Variable): tf.Tensor {
  return withFreshTape(() => tf.keep(tf.reshape(variable, variable.shape)));
}

/** Runs `fn` and puts back what every variable held that it assigned to, also when it throws. */
export function undoingWrites<T>(fn: () => T): T {
  const before = new Map<tf.Variable, tf.Tensor>();
  try {
    return watchingWrites((variable) => {
      if (!before.has(variable)) before.set(variable, keptValue(variable));
    }, fn);
  } finally {
    for (const [variable, value] of before) {
      if (!variable.isDisposed) variable.assign(value);
      value.dispose();
    }
  }
}
