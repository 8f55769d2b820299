/** Changing the order of axes inside a kernel. */
import * as tf from '@tensorflow/tfjs-core';

import type { WasmBackend } from './backend';

/** Transposes with tfjs's own kernel; the caller disposes the result's data. */
export function transpose(backend: WasmBackend, x: tf.TensorInfo, perm: number[]): tf.TensorInfo {
  const params = { inputs: { x }, backend, attrs: { perm } };
  return tf.getKernel(tf.Transpose, 'wasm').kernelFunc(params) as tf.TensorInfo;
}
