/** Kernels that are there with SIMD only: without it tfjs's own operations are the faster way. */
import * as tf from '@tensorflow/tfjs-core';

import type { ConditionalKernel } from '../fused';
import { SIMD_FLAG, type SimdKernels } from '../simd_module';
import type { WasmBackend } from './backend';
import { simdKernels } from './simd_module';

/** A kernel that operations find only while there is SIMD. */
export function onlyWithSimd(kernel: tf.KernelConfig): ConditionalKernel {
  const isAvailable = () => {
    const backend = tf.backend() as unknown as Partial<WasmBackend>;
    // Where memory is planned, shapes stand in for the backend.
    if (backend.wasm === undefined) return tf.env().getBool(SIMD_FLAG);
    return simdKernels(backend as WasmBackend) !== null;
  };
  return { ...kernel, isAvailable };
}

/** @throws {Error} where such a kernel was run without SIMD */
export function requireSimd(backend: WasmBackend, name: string): SimdKernels {
  const simd = simdKernels(backend);
  if (simd === null) throw new Error(`${name} (wasm): there is no SIMD; use operations of tfjs`);
  return simd;
}
