/** The package's WebAssembly module on the memory of tfjs's wasm backend. */
import * as tf from '@tensorflow/tfjs-core';

import { instantiate, SIMD_FLAG, type SimdKernels } from '../simd_module';
import type { WasmBackend } from './backend';

const instances = new WeakMap<WasmBackend['wasm'], SimdKernels | null>();

/**
 * The SIMD kernels working on the memory of `backend`, or null where WebAssembly SIMD is missing,
 * the memory cannot be reached, or the flag `REVCOL_WASM_SIMD` is off.
 */
export function simdKernels(backend: WasmBackend): SimdKernels | null {
  if (!tf.env().getBool(SIMD_FLAG)) return null;
  let kernels = instances.get(backend.wasm);
  if (kernels === undefined) {
    const memory = memoryOf(backend);
    kernels = memory && instantiate(memory);
    instances.set(backend.wasm, kernels);
  }
  return kernels;
}

function memoryOf({ wasm }: WasmBackend): WebAssembly.Memory | null {
  if (typeof WebAssembly === 'undefined') return null;
  const memory = (wasm.wasmMemory ?? wasm.asm?.memory) as WebAssembly.Memory | undefined;
  return memory?.buffer == null ? null : memory;
}
