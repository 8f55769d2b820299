/** Whether numbers on the backend in use are exact enough for what needs more than 16 bits. */
import * as tf from '@tensorflow/tfjs-core';

/** Flags of tfjs's webgl backend, and what they are where it computes in 16 bits. */
const HALF_FLAGS: Readonly<Record<string, boolean>> = {
  WEBGL_FORCE_F16_TEXTURES: true,
  WEBGL_RENDER_FLOAT32_ENABLED: false,
};

/**
 * Asserts that tensors on the backend in use have 32 bits. With 16, webgl rounds to 11 binary digits,
 * and what is below 6e-8 is 0: small gradients and the squares of larger ones.
 *
 * @param what is about to be done, as the beginning of a sentence
 * @throws {Error} when webgl has 16-bit textures, by a flag or because the device has no others
 */
export function requireFullPrecision(what: string): void {
  if (isAssumed || tf.getBackend() !== 'webgl') return;
  for (const [flag, half] of Object.entries(HALF_FLAGS)) {
    if (tf.env().getBool(flag) !== half) continue;
    throw new Error(
      `${what} needs 32-bit numbers, but backend 'webgl' has 16-bit textures here (${flag} is ` +
        `${half}): gradients would vanish or be wrong. Train on another backend, such as ` +
        `tf.setBackend('wasm'), or set the flag to ${!half} before webgl starts where the device can; ` +
        `inference works as it is`,
    );
  }
}

let isAssumed = false;

/** Whether there is no device to ask, and one with all that it may have is to be assumed. */
export const isDeviceAssumed = (): boolean => isAssumed;

/** Runs the synchronous `fn`, which computes nothing, as if the device had 32 bits and WebGL 2, and asks none. */
export function assumingDevice<T>(fn: () => T): T {
  const outer = isAssumed;
  isAssumed = true;
  try {
    return fn();
  } finally {
    isAssumed = outer;
  }
}
