/** AdamW with moments of eight bits on wasm. */
import { show } from '../../../common/arguments';
import { ADAMW_8BIT } from '../contract';
import { codeOf, SIGNED_CODES, UNSIGNED_CODES } from '../dynamic_codes';
import type { AttributesOf } from '../fused';
import { floats, pointer, sizeOf, type WasmBackend, wasmKernel, withScratch } from './backend';
import { simdKernels } from './simd_module';

/** Numbers that share a scale. */
const BLOCK = 256;

const BLOCK_BYTES = BLOCK * Float32Array.BYTES_PER_ELEMENT;

/** The tables in the order that `assembly/adamw_8bit.ts` expects. */
const TABLES: readonly (Float32Array | Uint8Array)[] = [
  SIGNED_CODES.values,
  SIGNED_CODES.middles,
  UNSIGNED_CODES.values,
  UNSIGNED_CODES.middles,
  SIGNED_CODES.lowest,
  UNSIGNED_CODES.lowest,
];

const addresses = new WeakMap<WasmBackend['wasm'], number>();

/** Address of the tables in the heap, where they stay. */
function tablesOf({ wasm }: WasmBackend): number {
  const known = addresses.get(wasm);
  if (known !== undefined) return known;
  const bytes = TABLES.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const address = wasm._malloc(bytes) >>> 0;
  if (address === 0) throw new Error(`wasm: no ${bytes} bytes left in the heap for tables`);
  let at = address;
  for (const table of TABLES) {
    wasm.HEAPU8.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), at);
    at += table.byteLength;
  }
  addresses.set(wasm, address);
  return address;
}

export const adamw8bit = wasmKernel(ADAMW_8BIT, (backend, inputs, attributes) => {
  const { weight, gradient, m, mScale, v, vScale } = inputs;
  const count = sizeOf(weight);
  const blocks = Math.ceil(count / BLOCK);
  if (
    [gradient, m, v].some((x) => sizeOf(x) !== count) ||
    [mScale, vScale].some((x) => sizeOf(x) !== blocks)
  ) {
    const shapes = Object.entries(inputs).map(([name, { shape }]) => `${name} ${show(shape)}`);
    throw new Error(
      `${ADAMW_8BIT.name} (wasm): ${shapes.join(', ')}; gradient, m and v must be like weight, and ` +
        `the scales have one number per ${BLOCK}`,
    );
  }
  // Not in place: tfjs keeps repacked copies of weights, by their data's identity.
  const updated = backend.makeOutput(weight.shape, 'float32');
  const simd = simdKernels(backend);
  if (simd == null) {
    const bytes = (info: typeof m) => backend.typedArrayFromHeap(info) as Uint8Array;
    const moments = { m: bytes(m), v: bytes(v) };
    const scales = { m: floats(backend, mScale), v: floats(backend, vScale) };
    const values = floats(backend, updated);
    values.set(floats(backend, weight));
    update(values, floats(backend, gradient), moments, scales, attributes);
    return updated;
  }
  const tables = tablesOf(backend);
  const { beta1, beta2, kept, size, epsilon } = attributes;
  withScratch(backend, 2 * BLOCK_BYTES, (scratch) => {
    const at = [weight, updated, gradient, m, mScale, v, vScale].map((x) => pointer(backend, x));
    const rates = [beta1, beta2, 1 - beta1, 1 - beta2, kept, size, epsilon];
    simd.adamw8bit(...at, count, ...rates, tables, scratch);
  });
  return updated;
});

interface Pair<T> {
  m: T;
  v: T;
}

const round = Math.fround;

/** The same in plain loops, rounded to float32 at every step as there. */
function update(
  w: Float32Array,
  g: Float32Array,
  codes: Pair<Uint8Array>,
  scales: Pair<Float32Array>,
  attributes: AttributesOf<typeof ADAMW_8BIT>,
): void {
  const { beta1, beta2, kept, size, epsilon } = attributes;
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
