/** Watches how many bytes tensors hold, which tfjs's engine counts in its state. */
import * as tf from '@tensorflow/tfjs-core';

type EngineState = ReturnType<typeof tf.engine>['state'];

/**
 * Calls `onChange(bytes)` whenever the number of bytes in live tensors changes, until the returned
 * function is called. tfjs keeps that number in a plain field, which becomes an accessor meanwhile.
 */
export function watchBytes(onChange: (bytes: number) => void): () => void {
  const s = tf.engine().state;
  let bytes = s.numBytes;
  const watchers = watching.get(s) ?? new Set();
  if (watchers.size === 0) {
    watching.set(s, watchers);
    Object.defineProperty(s, 'numBytes', {
      configurable: true,
      enumerable: true,
      get: () => bytes,
      set: (value: number) => {
        bytes = value;
        for (const watcher of watchers) watcher(value);
      },
    });
  }
  watchers.add(onChange);
  return () => {
    watchers.delete(onChange);
    if (watchers.size === 0) {
      Object.defineProperty(s, 'numBytes', {
        configurable: true,
        enumerable: true,
        writable: true,
        value: s.numBytes,
      });
    }
  };
}

const watching = new WeakMap<EngineState, Set<(bytes: number) => void>>();
