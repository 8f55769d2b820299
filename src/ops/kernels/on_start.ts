/** Tells when a backend comes into use, however late the program imports it. */
import * as tf from '@tensorflow/tfjs-core';

/** tfjs sets up all kernels of a backend whenever that comes into use; this one is there for that alone. */
const NAME = 'TfjsRevcolStart';

/**
 * Calls `listener` with a backend whenever it comes into use, before its first operation. A second call for the same
 * backend, also of another copy of this package, does nothing.
 */
export function onBackendStart(backendName: string, listener: (backend: object) => void): void {
  if (tf.getKernel(NAME, backendName) != null) return;
  tf.registerKernel({
    kernelName: NAME,
    backendName,
    setupFunc: listener,
    kernelFunc: () => {
      throw new Error(`kernel ${NAME} computes nothing; it tells that its backend starts`);
    },
  });
}
