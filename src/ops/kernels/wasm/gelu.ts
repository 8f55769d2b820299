/** The exact GELU and its gradient, on wasm. */
import { show } from '../../../common/arguments';
import { GELU, GELU_GRAD } from '../contract';
import { floats, pointer, sizeOf, wasmKernel } from './backend';
import { simdKernels } from './simd_module';

const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

/** Fewest values that the SIMD kernels take: one vector. */
const MIN_SIMD = 4;

/**
 * The error of erf is below 2e-7; small values for negative x keep their relative accuracy (2e-6 down
 * to x = -5).
 */
export const gelu = wasmKernel(GELU, (backend, { x }) => {
  const y = backend.makeOutput(x.shape, 'float32');
  const simd = simdKernels(backend);
  if (simd != null && sizeOf(x) >= MIN_SIMD) {
    simd.gelu(pointer(backend, x), pointer(backend, y), sizeOf(x));
    return y;
  }
  const out = floats(backend, y);
  floats(backend, x).forEach((value, i) => {
    out[i] = Math.max(value, 0) - Math.abs(value) * upperTail(Math.abs(value));
  });
  return y;
});

/** As accurate as the function itself. */
export const geluGrad = wasmKernel(GELU_GRAD, (backend, { x, dy }) => {
  if (sizeOf(x) !== sizeOf(dy)) {
    throw new Error(
      `${GELU_GRAD.name} (wasm): x has shape ${show(x.shape)}, dy ${show(dy.shape)}; they must be alike`,
    );
  }
  const dx = backend.makeOutput(x.shape, 'float32');
  const simd = simdKernels(backend);
  if (simd != null && sizeOf(x) >= MIN_SIMD) {
    simd.geluGrad(pointer(backend, x), pointer(backend, dy), pointer(backend, dx), sizeOf(x));
    return dx;
  }
  const out = floats(backend, dx);
  const upstream = floats(backend, dy);
  floats(backend, x).forEach((value, i) => {
    const tail = upperTail(Math.abs(value));
    const slope = value * INV_SQRT_2PI * Math.exp(-0.5 * value * value);
    out[i] = (upstream[i] as number) * ((value > 0 ? 1 - tail : tail) + slope);
  });
  return dx;
});

/** Coefficients of the polynomial of `assembly/gelu.ts`, from the constant one up. */
const TAIL = [
  0.398942947, -0.118358083, 1.14668151e-2, 1.72308553e-3, -1.14722359e-4, -1.37427618e-4,
  2.1089978e-5,
];

/** 1 - Phi(z) for z >= 0, by the formula of `assembly/gelu.ts`. */
function upperTail(z: number): number {
  const bounded = Math.min(z, 16);
  const q = bounded / (1 + 0.33 * bounded);
  const s = TAIL.reduceRight((sum, coefficient) => sum * q + coefficient, 0);
  return (0.5 - q * s) * Math.exp(-0.5 * bounded * bounded);
}
