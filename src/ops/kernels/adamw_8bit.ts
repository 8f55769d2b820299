/** The step of AdamW with moments of eight bits, apart from where a backend holds its tensors. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import { ADAMW_8BIT } from './contract';
import { codeOf, SIGNED_CODES, UNSIGNED_CODES } from './dynamic_codes';
import type { AttributesOf, InputsOf } from './fused';
import type { SimdKernels } from './simd_module';

/** Numbers that share a scale. */
export const BLOCK = 256;

/** Factors of a step. */
export type Factors = AttributesOf<typeof ADAMW_8BIT>;

/** One thing of each moment. */
export interface Pair<T> {
  m: T;
  v: T;
}

/** The tables in the order that `wasm/assembly/adamw_8bit.ts` expects. */
const TABLES: readonly (Float32Array | Uint8Array)[] = [
  SIGNED_CODES.values,
  SIGNED_CODES.middles,
  UNSIGNED_CODES.values,
  UNSIGNED_CODES.middles,
  SIGNED_CODES.lowest,
  UNSIGNED_CODES.lowest,
];

/** Bytes of the tables. */
export const TABLE_BYTES = TABLES.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Bytes of scratch memory that the kernel in WebAssembly needs. */
export const SCRATCH_BYTES = 4 * BLOCK * Float32Array.BYTES_PER_ELEMENT;

/** Copies the tables into a heap. */
export function writeTables(heap: Uint8Array, address: number): void {
  let at = address;
  for (const table of TABLES) {
    heap.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), at);
    at += table.byteLength;
  }
}

/** Addresses of tensors of a step. */
export type Addresses = Record<
  'weight' | 'updated' | 'gradient' | 'm' | 'mScale' | 'v' | 'vScale' | 'tables' | 'scratch',
  number
>;

/** Runs the kernel in WebAssembly on `count` numbers; `updated` may be where `weight` is. */
export function runSimd(
  simd: SimdKernels,
  { weight, updated, gradient, m, mScale, v, vScale, tables, scratch }: Addresses,
  count: number,
  { beta1, beta2, kept, size, epsilon }: Factors,
): void {
  const rates = [beta1, beta2, 1 - beta1, 1 - beta2, kept, size, epsilon];
  const at = [weight, updated, gradient, m, mScale, v, vScale];
  simd.adamw8bit(...at, count, ...rates, tables, scratch);
}

/** @throws {Error} when tensors do not fit each other */
export function requireFitting(
  backendName: string,
  inputs: InputsOf<typeof ADAMW_8BIT, tf.TensorInfo>,
): void {
  const sizeOf = (name: keyof typeof inputs) =>
    (inputs[name] as tf.TensorInfo).shape.reduce((a, b) => a * b, 1);
  const count = sizeOf('weight');
  const blocks = Math.ceil(count / BLOCK);
  const alike = (['gradient', 'm', 'v'] as const).every((name) => sizeOf(name) === count);
  if (alike && sizeOf('mScale') === blocks && sizeOf('vScale') === blocks) return;
  const shapes = Object.entries(inputs).map(([name, info]) => `${name} ${show(info?.shape)}`);
  throw new Error(
    `${ADAMW_8BIT.name} (${backendName}): ${shapes.join(', ')}; gradient, m and v must be like weight, ` +
      `and the scales have one number per ${BLOCK}`,
  );
}

const round = Math.fround;

/** The same in plain loops, rounded to float32 at every step as there; all arrays but `g` are overwritten. */
export function updateInLoops(
  w: Float32Array,
  g: Float32Array,
  codes: Pair<Uint8Array>,
  scales: Pair<Float32Array>,
  { beta1, beta2, kept, size, epsilon }: Factors,
): void {
  const [decay1, decay2] = [round(beta1), round(beta2)];
  const [rest1, rest2] = [round(1 - beta1), round(1 - beta2)];
  const first = new Float32Array(BLOCK);
  const second = new Float32Array(BLOCK);
  for (let start = 0, block = 0; start < w.length; start += BLOCK, block++) {
    const length = Math.min(BLOCK, w.length - start);
    const [scaleM, scaleV] = [scales.m[block] as number, scales.v[block] as number];
    let [topM, topV] = [0, 0];
    for (let i = 0; i < length; i++) {
      const at = start + i;
      const gradient = g[at] as number;
      const oldM = round((SIGNED_CODES.values[codes.m[at] as number] as number) * scaleM);
      const oldV = round((UNSIGNED_CODES.values[codes.v[at] as number] as number) * scaleV);
      const m = round(round(oldM * decay1) + round(gradient * rest1));
      const v = round(round(oldV * decay2) + round(round(gradient * gradient) * rest2));
      first[i] = m;
      second[i] = v;
      topM = Math.max(topM, Math.abs(m));
      topV = Math.max(topV, v);
      const root = round(round(Math.sqrt(v)) + round(epsilon));
      const change = round(round(m / root) * round(size));
      w[at] = round(round((w[at] as number) * round(kept)) - change);
    }
    scales.m[block] = topM;
    scales.v[block] = topV;
    for (let i = 0; i < length; i++) {
      const [m, v] = [first[i] as number, second[i] as number];
      const { zero } = SIGNED_CODES;
      const code = m === 0 ? zero : codeOf(SIGNED_CODES, Math.abs(m) / topM);
      // The number 1 has no code below 0; the one next to it has.
      codes.m[start + i] = m < 0 ? 2 * zero - Math.min(code, 2 * zero) : code;
      // Never 0, by which a moment would be divided.
      codes.v[start + i] = v === 0 ? 0 : Math.max(1, codeOf(UNSIGNED_CODES, v / topV));
    }
  }
}
