/** Starts backends that have been imported, and finds out why one does not start. */
import * as tf from '@tensorflow/tfjs-core';

import { withTimeLimit } from './time_limit';

/** Seconds in which a backend must have started. */
const START_LIMIT = 60;

/**
 * Makes a backend the current one.
 *
 * @throws {unknown} why it does not start: tfjs itself only tells that it does not
 */
export async function startBackend(name: string): Promise<void> {
  await withTimeLimit(START_LIMIT, async () => {
    if (await tf.setBackend(name)) {
      await tf.ready();
      return;
    }
    // Once more by hand: what makes the backend says why.
    const spare = await tf.findBackendFactory(name)();
    spare.dispose();
    throw new Error('tfjs says that it did not start, and does not say why');
  });
}

/** The current backend; undefined where none has been chosen. */
export function currentBackend(): string | undefined {
  return tf.getBackend() || undefined;
}

/** Makes computing on the processor in place of the device impossible, as tfjs does with small tensors. */
const CPU_FORWARD = ['WEBGL_CPU_FORWARD', 'WEBGPU_CPU_FORWARD'];

/** Runs `work` with every operation on the device itself. */
export async function onDevice<T>(work: () => Promise<T>): Promise<T> {
  const known = CPU_FORWARD.filter((flag) => flag in tf.env().features || hasFlag(flag));
  const before = known.map((flag) => tf.env().getBool(flag));
  known.forEach((flag) => tf.env().set(flag, false));
  try {
    return await work();
  } finally {
    known.forEach((flag, i) => tf.env().set(flag, before[i] as boolean));
  }
}

function hasFlag(flag: string): boolean {
  try {
    tf.env().get(flag);
    return true;
  } catch {
    return false;
  }
}
