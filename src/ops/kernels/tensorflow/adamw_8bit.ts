/**
 * AdamW with moments of eight bits, on tensorflow: by the package's own operation where its library is on.
 * Elsewhere TensorFlow has no operation that finds codes, and its memory is out of JavaScript's reach. So the codes stay with JavaScript, where tfjs-node keeps what no
 * operation has read yet, and weights and gradients are copied through the memory of the package's own
 * WebAssembly module, a piece at a time.
 */
import * as tf from '@tensorflow/tfjs-core';

import {
  type Addresses,
  BLOCK,
  type Factors,
  type Pair,
  requireFitting,
  runSimd,
  SCRATCH_BYTES,
  TABLE_BYTES,
  updateInLoops,
  writeTables,
} from '../adamw_8bit';
import { ADAMW_8BIT } from '../contract';
import { implementKernel } from '../fused';
import { instantiate, SIMD_FLAG, type SimdKernels } from '../simd_module';
import { float32, type NodeBackend } from './backend';
import { nativeAdamw8bit } from './native_kernels';

export const adamw8bit = implementKernel(
  ADAMW_8BIT,
  'tensorflow',
  (backend: NodeBackend, inputs, factors) => {
    requireFitting('tensorflow', inputs);
    const natively = nativeAdamw8bit();
    if (natively) return natively(backend, inputs, factors);
    const { weight, gradient, m, mScale, v, vScale } = inputs;
    const floats = ({ dataId }: tf.TensorInfo) => backend.readSync(dataId) as Float32Array;
    const bytes = ({ dataId }: tf.TensorInfo) => backend.readSync(dataId) as Uint8Array;
    // Copies, since who has read a tensor may hold the very array that tfjs-node keeps of it.
    const codes = { m: bytes(m).slice(), v: bytes(v).slice() };
    const scales = { m: floats(mScale).slice(), v: floats(vScale).slice() };
    const values = copyOf(backend, weight);
    update(values, floats(gradient), codes, scales, factors);
    const updated = takenUp(backend, values, weight.shape);
    overwrite(backend, m, codes.m);
    overwrite(backend, v, codes.v);
    overwrite(backend, mScale, scales.m);
    overwrite(backend, vScale, scales.v);
    return updated;
  },
);

/** An array of a tensor's values that is the caller's own. */
function copyOf(backend: NodeBackend, { dataId }: tf.TensorInfo): Float32Array {
  const isHeld = backend.tensorMap.get(dataId).values != null;
  const values = backend.readSync(dataId) as Float32Array;
  return isHeld ? values.slice() : values;
}

/** A tensor in TensorFlow's own memory, so that the array is garbage at once. */
function takenUp(backend: NodeBackend, values: Float32Array, shape: number[]): tf.TensorInfo {
  const dataId = backend.write(values, shape, 'float32');
  try {
    const info = { dataId: dataId as tf.DataId, shape, dtype: 'float32' as const };
    return backend.executeSingleOutput('Identity', [float32(backend)], [info]);
  } finally {
    backend.disposeData(dataId);
  }
}

function overwrite(backend: NodeBackend, info: tf.TensorInfo, values: tf.TypedArray): void {
  const { dataId, shape, dtype } = info;
  const references = backend.refCount(dataId);
  backend.disposeData(dataId, true);
  backend.move(dataId, values, shape, dtype, references);
}

/** Numbers that are copied into the module's memory at a time. */
const PIECE = 256 * BLOCK;

const PAGE_BYTES = 65536;

/** What lies in the module's memory, in this order, and its bytes. */
const LAYOUT = {
  weight: 4 * PIECE,
  gradient: 4 * PIECE,
  m: PIECE,
  v: PIECE,
  mScale: (4 * PIECE) / BLOCK,
  vScale: (4 * PIECE) / BLOCK,
  scratch: SCRATCH_BYTES,
  tables: TABLE_BYTES,
};

interface Module {
  simd: SimdKernels;
  heap: Uint8Array;
  at: Addresses;
}

let made: Module | null | undefined;

/** The module on a memory of its own; null where there is no SIMD. */
function simdModule(): Module | null {
  if (!tf.env().getBool(SIMD_FLAG)) return null;
  if (made === undefined) made = makeModule();
  return made;
}

function makeModule(): Module | null {
  let bytes = 0;
  const at: Record<string, number> = {};
  for (const [name, size] of Object.entries(LAYOUT)) {
    at[name] = bytes;
    bytes += size;
  }
  at['updated'] = at['weight'] as number;
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const simd = instantiate(memory);
  if (simd == null) return null;
  const heap = new Uint8Array(memory.buffer);
  writeTables(heap, at['tables'] as number);
  return { simd, heap, at: at as Addresses };
}

/** Overwrites all arrays but the gradient. */
function update(
  weight: Float32Array,
  gradient: Float32Array,
  codes: Pair<Uint8Array>,
  scales: Pair<Float32Array>,
  factors: Factors,
): void {
  const module = simdModule();
  if (module == null) {
    updateInLoops(weight, gradient, codes, scales, factors);
    return;
  }
  const { simd, heap, at } = module;
  for (let start = 0; start < weight.length; start += PIECE) {
    const end = Math.min(start + PIECE, weight.length);
    const [first, last] = [start / BLOCK, Math.ceil(end / BLOCK)];
    const changed = [
      [at.weight, bytesOf(weight, start, end)],
      [at.m, bytesOf(codes.m, start, end)],
      [at.v, bytesOf(codes.v, start, end)],
      [at.mScale, bytesOf(scales.m, first, last)],
      [at.vScale, bytesOf(scales.v, first, last)],
    ] as const;
    heap.set(bytesOf(gradient, start, end), at.gradient);
    for (const [address, bytes] of changed) heap.set(bytes, address);
    runSimd(simd, at, end - start, factors);
    for (const [address, bytes] of changed) {
      bytes.set(heap.subarray(address, address + bytes.length));
    }
  }
}

function bytesOf(array: Float32Array | Uint8Array, start: number, end: number): Uint8Array {
  const { buffer, byteOffset, byteLength } = array.subarray(start, end);
  return new Uint8Array(buffer, byteOffset, byteLength);
}
