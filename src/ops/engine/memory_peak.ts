/** Measures how much memory tensors take at most while something runs. */
import * as tf from '@tensorflow/tfjs-core';

import { requireFunction } from '../../common/arguments';
import { requireBackend } from './lost_backend';
import { watchBytes } from './watch_bytes';

/** What `memoryPeak` resolves to. */
export interface MemoryPeak<T> {
  result: T;
  /** Largest number of bytes in live tensors while `fn` ran, what lived before included. */
  peakBytes: number;
}

/**
 * Runs `fn` and reports the largest number of bytes that tensors held at any moment of it, exact and
 * at no cost in speed. Counts what `tf.memory().numBytes` counts: every tensor by its size, so clones
 * and reshaped views as if they did not share data, but not the scratch memory of a backend's
 * kernels, nor memory that a backend pools.
 *
 * @param fn synchronous or asynchronous; with an asynchronous one, whatever else runs meanwhile
 *   counts as well
 * @throws {unknown} when `fn` throws: the same; measuring has ended then
 * @throws {BackendLostError} when the backend has lost its device, before or while `fn` ran
 *
 * @example
 * const { peakBytes } = await memoryPeak(() => model.trainOnBatch(x, y));
 */
export async function memoryPeak<T>(fn: () => T | Promise<T>): Promise<MemoryPeak<T>> {
  requireFunction('memoryPeak', 'fn', fn);
  requireBackend();
  let peakBytes = tf.memory().numBytes;
  const stop = watchBytes((bytes) => {
    peakBytes = Math.max(peakBytes, bytes);
  });
  try {
    const result = await fn();
    requireBackend();
    return { result, peakBytes };
  } finally {
    stop();
  }
}
