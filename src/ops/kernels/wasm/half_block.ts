/** The steps of the half of a ConvNeXt block after its depthwise convolution, on wasm: rows at a time, in scratch memory. */
import type * as tf from '@tensorflow/tfjs-core';

import type { KernelContract, RESIDUAL_MLP } from '../contract';
import type { InputsOf } from '../fused';
import type { SimdKernels } from '../simd_module';
import { pointer, requireShape, sizeOf, type WasmBackend } from './backend';

/** Hidden values that are held at a time: what stays in the second-level cache, or little more. */
const HIDDEN_AT_A_TIME = 1 << 19;
const LEAST_ROWS = 64;
const BYTES = Float32Array.BYTES_PER_ELEMENT;

type Inputs = Omit<InputsOf<typeof RESIDUAL_MLP, tf.TensorInfo>, 'residual'>;
type Weights =
  'gamma' | 'beta' | 'expandKernel' | 'expandBias' | 'projectKernel' | 'projectBias' | 'layerScale';

/** Sizes, and addresses of the weights. */
export interface Half {
  rows: number;
  /** Channels. */
  c: number;
  /** Hidden width. */
  m: number;
  /** Rows of a sample, and what each sample is multiplied by; null where nothing is dropped. */
  sample: number;
  survival: Float32Array | null;
  epsilon: number;
  at: Readonly<Record<Weights, number>>;
}

/** @throws {Error} when the weights do not fit u or each other */
export function halfOf(
  contract: KernelContract,
  backend: WasmBackend,
  inputs: Inputs,
  epsilon: number,
): Half {
  const { u, survival } = inputs;
  const c = u.shape.at(-1) as number;
  const m = inputs.expandKernel.shape[1] as number;
  const expected: Record<Weights, number[]> = {
    gamma: [c],
    beta: [c],
    expandKernel: [c, m],
    expandBias: [m],
    projectKernel: [m, c],
    projectBias: [c],
    layerScale: [c],
  };
  const names = Object.keys(expected) as Weights[];
  for (const weight of names) requireShape(contract, weight, inputs[weight], expected[weight]);
  const rows = sizeOf(u) / Math.max(1, c);
  const samples = u.shape[0] as number;
  if (survival) {
    requireShape(contract, 'survival', survival, [samples], sizeOf(survival) === samples);
  }
  return {
    rows,
    c,
    m,
    sample: rows / Math.max(1, samples),
    // A copy: memory that grows takes views away.
    survival: survival ? (backend.typedArrayFromHeap(survival) as Float32Array).slice() : null,
    epsilon,
    at: Object.fromEntries(
      names.map((weight) => [weight, pointer(backend, inputs[weight])]),
    ) as Half['at'],
  };
}

/** Rows that are computed at a time. */
export function rowsAtATime({ rows, m }: Half): number {
  const fitting = Math.floor(HIDDEN_AT_A_TIME / Math.max(1, m) / LEAST_ROWS) * LEAST_ROWS;
  return Math.max(1, Math.min(rows, Math.max(LEAST_ROWS, fitting)));
}

/** Calls `fn` for `[0, rows)`, some at a time. */
export function forRows(half: Half, fn: (first: number, count: number) => void): void {
  const most = rowsAtATime(half);
  for (let first = 0; first < half.rows; first += most)
    fn(first, Math.min(most, half.rows - first));
}

/** Offsets of pieces of scratch memory, each at the start of a cache line and with room for a vector more. */
export function layOut(...values: readonly number[]): { offsets: number[]; bytes: number } {
  let bytes = 0;
  const offsets = values.map((count) => {
    const offset = bytes;
    bytes += Math.ceil(((count + 4) * BYTES) / 64) * 64;
    return offset;
  });
  return { offsets, bytes };
}

/** GELU and its gradient take no fewer than 4 values, and in place whole vectors only. */
export const wholeVectors = (count: number): number => Math.ceil(count / 4) * 4;

/** A product of matrices whose rows lie without gaps; `adds` it to what is there. */
export function product(
  simd: SimdKernels,
  scratch: number,
  [a, b, c]: readonly [a: number, b: number, c: number],
  [rows, inner, columns]: readonly [number, number, number],
  { transposeA = false, transposeB = false, adds = false, bias = 0 },
): void {
  const [aStride, bStride] = [transposeA ? rows : inner, transposeB ? inner : columns];
  const flags = [Number(transposeA), Number(transposeB)] as const;
  const strides = [aStride, bStride, columns, Number(adds)] as const;
  simd.gemm(a, b, bias, c, rows, columns, inner, ...flags, scratch, ...strides);
}

/** Calls `fn` for rows `[first, first + count)`, sample by sample where samples have factors. */
export function forSamples(
  { survival, sample }: Half,
  first: number,
  count: number,
  fn: (row: number, rows: number, factor: number) => void,
): void {
  if (survival === null) return fn(first, count, 1);
  for (let row = first; row < first + count;) {
    const entry = Math.floor(row / sample);
    const end = Math.min(first + count, (entry + 1) * sample);
    fn(row, end - row, survival[entry] as number);
    row = end;
  }
}
