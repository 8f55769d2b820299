/** The package's WebAssembly module on the memory of tfjs's wasm backend, on one thread or several. */
import * as tf from '@tensorflow/tfjs-core';

import {
  compileKernels,
  instantiate,
  isShared,
  memoryOf,
  SIMD_FLAG,
  type SimdKernels,
} from '../simd_module';
import { ThreadPool } from '../thread_pool';
import { threadedKernels } from '../threaded_kernels';
import { type ThreadSetting, threadSetting } from '../wasm_threads';
import type { WasmBackend } from './backend';

/** The module at work on a backend's memory. */
interface Instance {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Its functions, and those that are in use. */
  own: SimdKernels;
  kernels: SimdKernels;
  pool?: ThreadPool;
  /** What `kernels` were made for. */
  setting: ThreadSetting | null;
}

const instances = new WeakMap<WasmBackend['wasm'], Instance | null>();

/**
 * The SIMD kernels working on the memory of `backend`, or null where WebAssembly SIMD is missing,
 * the memory cannot be reached, or the flag `REVCOL_WASM_SIMD` is off.
 */
export function simdKernels(backend: WasmBackend): SimdKernels | null {
  if (!tf.env().getBool(SIMD_FLAG)) return null;
  let instance = instances.get(backend.wasm);
  if (instance === undefined) {
    instance = instanceOn(backend.wasm);
    instances.set(backend.wasm, instance);
  }
  if (instance === null) return null;
  const setting = threadSetting();
  if (instance.setting !== setting) follow(instance, setting, backend.wasm);
  return instance.kernels;
}

/** The pool of a backend's kernels, while there is one. */
export function poolOf(backend: WasmBackend): ThreadPool | undefined {
  return instances.get(backend.wasm)?.pool;
}

function instanceOn(wasm: WasmBackend['wasm']): Instance | null {
  const memory = memoryOf(wasm);
  const module = memory && compileKernels(isShared(memory));
  const own = module && instantiate(memory, module);
  return own && { module, memory, own, kernels: own, setting: null };
}

function follow(
  instance: Instance,
  setting: ThreadSetting | null,
  wasm: WasmBackend['wasm'],
): void {
  const { module, memory, own } = instance;
  instance.pool?.close();
  instance.setting = setting;
  instance.pool = undefined;
  instance.kernels = own;
  if (setting === null || !isShared(memory)) return;
  instance.pool = new ThreadPool(setting.threads, {
    kernels: own,
    module,
    memory,
    allocate: (bytes) => wasm._malloc(bytes),
    free: (address) => wasm._free(address),
    start: setting.start,
  });
  instance.kernels = threadedKernels(own, instance.pool);
}
