/** The package's WebAssembly module: its functions, and how it comes to work on a memory. */
import { type KernelBinary, RELAXED_BINARY, SIMD_BINARY } from './simd_binary';

/** tfjs flag: set it to false to compute the kernels of the module in JavaScript. Default true. */
export const SIMD_FLAG = 'REVCOL_WASM_SIMD';

/**
 * Scores that the attention kernels hold at a time, in numbers, as long as 4 queries need no more: what stays in
 * the second-level cache. Gradients need twice as many. They lie behind `BLOCK_SCRATCH`.
 */
export const SCORES_AT_A_TIME = 1 << 15;

/**
 * The functions of `wasm/assembly/`; arguments are addresses in the memory, counts, flags and strides in
 * elements. Their sources say what each one means.
 */
export interface SimdKernels {
  adamw(...addressesCountAndRates: number[]): void;
  adamw8bit(...addressesCountRatesAndScratch: number[]): void;
  attention(...addressesRangeAndShape: number[]): void;
  attentionGrad(...addressesRangeAndShape: number[]): void;
  gelu(x: number, y: number, count: number): void;
  geluGrad(x: number, dy: number, dx: number, count: number): void;
  layerNorm(
    x: number,
    xhat: number,
    rstd: number,
    rows: number,
    columns: number,
    epsilon: number,
  ): void;
  layerNormGrad(
    dy: number,
    xhat: number,
    rstd: number,
    dx: number,
    rows: number,
    columns: number,
  ): void;
  columnSum(
    x: number,
    y: number,
    totals: number,
    rows: number,
    columns: number,
    pitch: number,
  ): void;
  gemm(
    a: number,
    b: number,
    bias: number,
    c: number,
    m: number,
    n: number,
    k: number,
    transposeA: number,
    transposeB: number,
    scratch: number,
    aStride: number,
    bStride: number,
    cStride: number,
    adds?: number,
  ): void;
  gemmBatch(
    a: number,
    b: number,
    c: number,
    batch: number,
    m: number,
    n: number,
    k: number,
    transposeA: number,
    transposeB: number,
    scratch: number,
  ): void;
  productSum(
    x: number,
    z: number,
    y: number,
    totals: number,
    rows: number,
    columns: number,
    pitch: number,
  ): void;
  scaledSum(
    x: number,
    scale: number,
    other: number,
    y: number,
    rows: number,
    columns: number,
    otherStep: number,
    factor: number,
  ): void;
  undoLevel(c: number, f: number, alpha: number, y: number, rows: number, columns: number): void;
  doubledSum(
    x: number,
    other: number,
    y: number,
    rows: number,
    width: number,
    channels: number,
  ): void;
  doubledGrad(dy: number, dx: number, rows: number, width: number, channels: number): void;
  reverseTaps(filter: number, to: number, taps: number, channels: number): void;
  depthwise(
    x: number,
    w: number,
    start: number,
    y: number,
    batch: number,
    height: number,
    width: number,
    channels: number,
    filterSide: number,
    before: number,
    startStep: number,
    pitch: number,
  ): void;
  convFilterGrad(x: number, dy: number, dw: number, ...geometryAndScratch: number[]): void;
  scatterPatches(patches: number, dx: number, first: number, ...countAndGeometry: number[]): void;
  depthwiseFilterGrad(x: number, dy: number, dw: number, ...geometryAndPitch: number[]): void;
  depthwiseInputGrad(dy: number, filter: number, dx: number, ...geometryAndPitch: number[]): void;
  /** Bytes of scratch memory that the products and `convFilterGrad` need. */
  BLOCK_SCRATCH: { value: number };
}

/** The part of emscripten's module of tfjs-backend-wasm that holds the memory. */
export interface MemoryHolder {
  asm?: { memory?: unknown };
  wasmMemory?: unknown;
}

/** The memory of tfjs's wasm backend; null where it cannot be reached. */
export function memoryOf(wasm: MemoryHolder): WebAssembly.Memory | null {
  if (typeof WebAssembly === 'undefined') return null;
  const memory = (wasm.wasmMemory ?? wasm.asm?.memory) as WebAssembly.Memory | undefined;
  return memory?.buffer == null ? null : memory;
}

/** Whether several threads can work on a memory. */
export function isShared({ buffer }: WebAssembly.Memory): boolean {
  // By name, since instanceof fails for a buffer of another realm.
  return Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]';
}

/**
 * The module, with fused multiply-add where the engine has it, or null where WebAssembly SIMD is missing.
 * Synchronously: it has 14 KB.
 *
 * @param shared whether for a shared memory, which the module must declare
 */
export function compileKernels(shared: boolean): WebAssembly.Module | null {
  return compileBinary(RELAXED_BINARY, shared) ?? compileBinary(SIMD_BINARY, shared);
}

/**
 * The kernels working on `memory`, shared or not, or null where WebAssembly SIMD is missing or the memory
 * is refused.
 */
export function instantiate(
  memory: WebAssembly.Memory,
  module: WebAssembly.Module | null = compileKernels(isShared(memory)),
): SimdKernels | null {
  if (module === null) return null;
  try {
    return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as SimdKernels;
  } catch {
    return null;
  }
}

function compileBinary(
  { base64, memoryFlagIndex }: KernelBinary,
  shared: boolean,
): WebAssembly.Module | null {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  if (shared) bytes[memoryFlagIndex] = 3;
  if (!WebAssembly.validate(bytes)) return null;
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    // A page's policy may forbid what the engine could do.
    return null;
  }
}
