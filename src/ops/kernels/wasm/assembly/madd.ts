/** Multiply and add, the innermost operation of every product and filter. */

/** a * b + c on four lanes, with one rounding where the build and the processor allow it. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}
