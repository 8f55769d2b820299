/** The package's WebAssembly module: its functions, and how it comes to work on a memory. */
import { type KernelBinary, RELAXED_BINARY, SIMD_BINARY } from './simd_binary';

/** tfjs flag: set it to false to compute the kernels of the module in JavaScript. Default true. */
export const SIMD_FLAG = 'REVCOL_WASM_SIMD';

/**
 * The functions of `wasm/assembly/`; arguments are addresses in the memory, counts, flags and strides in
 * elements. Their sources say what each one means.
 */
export interface SimdKernels {
  adamw8bit(...addressesCountRatesAndScratch: number[]): void;
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
  columnSum(x: number, y: number, totals: number, rows: number, columns: number): void;
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
  ): void;
  convFilterGrad(x: number, dy: number, dw: number, ...geometryAndScratch: number[]): void;
  scatterPatches(patches: number, dx: number, first: number, ...countAndGeometry: number[]): void;
  depthwiseFilterGrad(x: number, dy: number, dw: number, ...geometry: number[]): void;
  depthwiseInputGrad(dy: number, filter: number, dx: number, ...geometry: number[]): void;
  /** Bytes of scratch memory that `gemm` (4 columns + 32 more with a bias) and `convFilterGrad` need. */
  BLOCK_SCRATCH: { value: number };
}

/**
 * The kernels working on `memory`, shared or not, or null where WebAssembly SIMD is missing or the memory
 * is refused. Compiled synchronously (9 KB), fused multiply-add where the engine has it.
 */
export function instantiate(memory: WebAssembly.Memory): SimdKernels | null {
  return instantiateBinary(RELAXED_BINARY, memory) ?? instantiateBinary(SIMD_BINARY, memory);
}

function instantiateBinary(
  { base64, memoryFlagIndex }: KernelBinary,
  memory: WebAssembly.Memory,
): SimdKernels | null {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  // The threaded build of tfjs has a shared memory, and the import must be declared alike. By name,
  // since instanceof fails for a buffer of another realm.
  if (Object.prototype.toString.call(memory.buffer) === '[object SharedArrayBuffer]') {
    bytes[memoryFlagIndex] = 3;
  }
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return instance.exports as unknown as SimdKernels;
  } catch {
    return null;
  }
}
