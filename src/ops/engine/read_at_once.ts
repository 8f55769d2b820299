/** Which backends give values without waiting for a device. */
import * as tf from '@tensorflow/tfjs-core';

const BACKENDS = ['cpu', 'wasm', 'tensorflow'];

/** Whether looking at values costs nothing on the current backend. */
export function readsAtOnce(): boolean {
  return BACKENDS.includes(tf.getBackend());
}
