/** Forbids the package to read tensors synchronously, which stalls webgl and is unsafe on webgpu. */
import * as tf from '@tensorflow/tfjs';

/** What `../bundle.ts` passes where a test reads a tensor synchronously: tests may. */
declare const BY_A_TEST: string;

let allowed = false;

/** Backends on which it costs nothing, whatever the environment's own backend is. */
const AT_ONCE = ['cpu', 'wasm'];

/** From now on only tests read synchronously where that waits for a device; whoever else does gets an error. */
export function forbidSynchronousReads(): void {
  for (const method of ['dataSync', 'arraySync', 'bufferSync'] as const) {
    const original = tf.Tensor.prototype[method] as (this: tf.Tensor) => unknown;
    Object.assign(tf.Tensor.prototype, {
      [method]: function (this: tf.Tensor, who?: unknown) {
        const waits = !AT_ONCE.includes(tf.getBackend());
        if (waits && !allowed && who !== BY_A_TEST) {
          throw new Error(`${method}: no synchronous reads on backend ${tf.getBackend()}`);
        }
        const before = allowed;
        allowed = true;
        try {
          return original.call(this);
        } finally {
          allowed = before;
        }
      },
    });
  }
}
