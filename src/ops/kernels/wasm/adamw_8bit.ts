/** AdamW with moments of eight bits on wasm. */
import {
  type Addresses,
  requireFitting,
  runSimd,
  SCRATCH_BYTES,
  TABLE_BYTES,
  updateInLoops,
  writeTables,
} from '../adamw_8bit';
import { ADAMW_8BIT } from '../contract';
import { floats, pointer, sizeOf, type WasmBackend, wasmKernel, withScratch } from './backend';
import { simdKernels } from './simd_module';

const addresses = new WeakMap<WasmBackend['wasm'], number>();

/** Address of the tables in the heap, where they stay. */
function tablesOf({ wasm }: WasmBackend): number {
  const known = addresses.get(wasm);
  if (known !== undefined) return known;
  const address = wasm._malloc(TABLE_BYTES) >>> 0;
  if (address === 0) throw new Error(`wasm: no ${TABLE_BYTES} bytes left in the heap for tables`);
  writeTables(wasm.HEAPU8, address);
  addresses.set(wasm, address);
  return address;
}

export const adamw8bit = wasmKernel(ADAMW_8BIT, (backend, inputs, factors) => {
  requireFitting('wasm', inputs);
  const { weight, gradient, m, mScale, v, vScale } = inputs;
  // Not in place: tfjs keeps repacked copies of weights, by their data's identity.
  const updated = backend.makeOutput(weight.shape, 'float32');
  const simd = simdKernels(backend);
  if (simd == null) {
    const bytes = (info: typeof m) => backend.typedArrayFromHeap(info) as Uint8Array;
    const codes = { m: bytes(m), v: bytes(v) };
    const scales = { m: floats(backend, mScale), v: floats(backend, vScale) };
    const values = floats(backend, updated);
    values.set(floats(backend, weight));
    updateInLoops(values, floats(backend, gradient), codes, scales, factors);
    return updated;
  }
  const tables = tablesOf(backend);
  withScratch(backend, SCRATCH_BYTES, (scratch) => {
    const tensors = { weight, updated, gradient, m, mScale, v, vScale };
    const at = Object.fromEntries(
      Object.entries(tensors).map(([name, info]) => [name, pointer(backend, info)]),
    );
    runSimd(simd, { ...at, tables, scratch } as Addresses, sizeOf(weight), factors);
  });
  return updated;
});
