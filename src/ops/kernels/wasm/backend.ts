/** What all wasm kernels share: tfjs's wasm backend as they see it, and the two forms of a kernel. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import type { KernelContract } from '../contract';
import { assertInputs, type Implementation, implementKernel } from '../fused';
import type { MemoryHolder } from '../simd_module';

/**
 * What the kernels use of tfjs's `BackendWasm`. Declared here because the package that defines it
 * is an optional peer. `asm.memory` and `wasmMemory` are where the plain and the threaded build of
 * tfjs-backend-wasm 4.22 keep their memory; without either the kernels run in JavaScript.
 */
export interface WasmBackend {
  wasm: MemoryHolder & {
    HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
  };
  getMemoryOffset(dataId: object): number;
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): tf.backend_util.TypedArray;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
}

/** This package's fused kernel of that contract, for backend 'wasm'. */
export function wasmKernel<K extends KernelContract>(
  contract: K,
  run: Implementation<K, WasmBackend>,
): tf.KernelConfig {
  return implementKernel(contract, 'wasm', run);
}

/** A kernel that tfjs defines, and that backend 'wasm' lacks or has wrong. */
export interface TfjsKernel<Names extends string, Attrs> {
  /** tfjs's name of it. */
  name: string;
  /** The inputs that it needs, each with the dtype that it must have. */
  inputs: Readonly<Record<Names, tf.DataType>>;
  /** `owner` is how messages call the kernel. */
  run(
    backend: WasmBackend,
    inputs: Readonly<Record<Names, tf.TensorInfo>>,
    attrs: Attrs,
    owner: string,
  ): tf.TensorInfo | tf.TensorInfo[];
}

/**
 * A kernel of tfjs's own for backend 'wasm'. For `attrs`, tfjs-core exports the type of each of its
 * kernels: `tf.MaxPoolGradAttrs` and so on.
 *
 * @returns a kernel that throws an Error when an input is missing or has another dtype
 */
export function tfjsKernel<Names extends string, Attrs>(
  kernel: TfjsKernel<Names, Attrs>,
): tf.KernelConfig {
  const owner = `${kernel.name} (wasm)`;
  const expected = Object.entries<tf.DataType>(kernel.inputs);
  return {
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs = {} }) => {
      assertInputs(owner, expected, inputs);
      const given = inputs as Record<Names, tf.TensorInfo>;
      return kernel.run(backend as WasmBackend, given, attrs as Attrs, owner);
    },
  };
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

/**
 * Runs `fn` with the address of `bytes` bytes of uninitialised heap, which are freed after it.
 *
 * @throws {Error} when the heap cannot grow by as much
 */
export function withScratch<T>(backend: WasmBackend, bytes: number, fn: (address: number) => T): T {
  const address = backend.wasm._malloc(bytes + ALIGNMENT) >>> 0;
  if (address === 0) throw new Error(`wasm: no ${bytes} bytes of scratch memory left in the heap`);
  try {
    return fn(address + ALIGNMENT - (address % ALIGNMENT));
  } finally {
    backend.wasm._free(address);
  }
}

/** Runs a kernel of tfjs's with one output; the caller disposes its data. */
export function runKernel(
  backend: WasmBackend,
  name: string,
  inputs: Readonly<Record<string, tf.TensorInfo>>,
  attrs: Readonly<Record<string, number | string | boolean | number[]>>,
): tf.TensorInfo {
  const call = { inputs: { ...inputs }, backend, attrs: { ...attrs } };
  return tf.getKernel(name, 'wasm').kernelFunc(call) as tf.TensorInfo;
}

/** A float32 tensor of zeros: what a sum over nothing gives, or nothing at all. */
export function zeros(backend: WasmBackend, shape: number[]): tf.TensorInfo {
  const info = backend.makeOutput(shape, 'float32');
  floats(backend, info).fill(0);
  return info;
}

/** Addresses of several tensors, which hold until heap is allocated. */
export function pointers<const Infos extends readonly tf.TensorInfo[]>(
  backend: WasmBackend,
  infos: Infos,
): { -readonly [K in keyof Infos]: number } {
  return infos.map((info) => pointer(backend, info)) as { -readonly [K in keyof Infos]: number };
}

/**
 * Asserts the shape of an operand.
 *
 * @param fits whether it will do, where that is not that the shapes are the same
 */
export function requireShape(
  { name }: { readonly name: string },
  operand: string,
  { shape }: tf.TensorInfo,
  expected: number[],
  fits = tf.util.arraysEqual(shape, expected),
): void {
  if (fits) return;
  throw new Error(
    `${name} (wasm): ${operand} has shape ${show(shape)}, ${show(expected)} is expected`,
  );
}

/** Whether one of several tensors has no element. */
export function isAnyEmpty(...infos: readonly tf.TensorInfo[]): boolean {
  return infos.some((info) => sizeOf(info) === 0);
}

/** Number of elements of `info`. */
export function sizeOf(info: tf.TensorInfo): number {
  return tf.util.sizeFromShape(info.shape);
}
