import * as tf from '@tensorflow/tfjs-core';
/**
 * What the kernels use of tfjs's `BackendWasm`. Declared here because the package that defines it
 * is an optional peer. `asm.memory` and `wasmMemory` are where the plain and the threaded build of
 * tfjs-backend-wasm 4.22 keep their memory; without either the kernels run in JavaScript.
 */
export interface WasmBackend {
  wasm: {
    HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    asm?: { memory?: unknown };
    wasmMemory?: unknown;
    tfjs: { getThreadsCount(): number };
  };
  getMemoryOffset(dataId: object): number;
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): tf.backend_util.TypedArray;
  disposeData(dataId: object): boolean;
}

/** Attributes as tfjs passes them. */
export type Attrs = Record<string, unknown>;

/** A kernel of backend 'wasm'. */
export interface WasmKernel<Names extends string = string> {
  /** Name under which it is registered. */
  name: string;
  /** Names of the inputs that must be given and be float32. */
  float32Inputs: readonly string[];
  run(
    backend: WasmBackend,
    inputs: Record<Names, tf.TensorInfo>,
    attrs: Attrs,
  ): tf.TensorInfo | tf.TensorInfo[];
}

/** Throws unless every one of `names` is given in `inputs` and is float32. */
export function assertFloat32(
  kernelName: string,
  names: readonly string[],
  inputs: Record<string, tf.TensorInfo | undefined>,
): void {
  for (const name of names) {
    const input = inputs[name];
    if (input == null) throw new Error(`${kernelName} (wasm): input ${name} is missing`);
    if (input.dtype !== 'float32') {
      throw new Error(
        `${kernelName} (wasm): ${name} is ${input.dtype}, only float32 is supported; ` +
          `cast it with tf.cast(${name}, 'float32')`,
      );
    }
  }
}

/** A view of a float32 tensor in the heap. Allocating anything may make it stale. */
export function floats(backend: WasmBackend, info: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(info) as Float32Array;
}

/** Address of a tensor in the heap; stays valid when the heap grows. */
export function pointer(backend: WasmBackend, info: tf.TensorInfo): number {
  return backend.getMemoryOffset(info.dataId);
}

/** Cache line of every processor of interest, in bytes. */
const ALIGNMENT = 64;

/** Runs `fn` with the address of `bytes` bytes of uninitialised heap, which are freed after it. */
export function withScratch<T>(backend: WasmBackend, bytes: number, fn: (address: number) => T): T {
  const address = backend.wasm._malloc(bytes + ALIGNMENT) >>> 0;
  if (address === 0) throw new Error(`wasm: no ${bytes} bytes of scratch memory left in the heap`);
  try {
    return fn(address + ALIGNMENT - (address % ALIGNMENT));
  } finally {
    backend.wasm._free(address);
  }
}

/** Number of elements of `info`. */
export function sizeOf(info: tf.TensorInfo): number {
  return tf.util.sizeFromShape(info.shape);
}
