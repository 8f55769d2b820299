/** Changing the order of axes inside a kernel. */
import * as tf from '@tensorflow/tfjs-core';

import { runKernel, type WasmBackend } from './backend';

/** Transposes with tfjs's own kernel; the caller disposes the result's data. */
export function transpose(backend: WasmBackend, x: tf.TensorInfo, perm: number[]): tf.TensorInfo {
  return runKernel(backend, tf.Transpose, { x }, { perm });
}
