/** The exponential of what is not above 0, four lanes at a time. */

// exp(x) = 2^k exp(r) with k = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 in two parts, the first with so few
// digits that k times it is exact. exp(r) by its series up to r^7: relative error below 1e-8.
const ROUND: f32 = 12582912;
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;
/** Below this the result is 0, as it is in float32 but for denormal numbers. */
const LEAST: f32 = -87;

/** Comparisons are ordered so that NaN stays NaN. */
export function exponential(x: v128): v128 {
  const isLow = f32x4.lt(x, f32x4.splat(LEAST));
  const bounded = f32x4.pmax(x, f32x4.splat(LEAST));
  const shifted = f32x4.add(f32x4.mul(bounded, f32x4.splat(1.44269504)), f32x4.splat(ROUND));
  const k = f32x4.sub(shifted, f32x4.splat(ROUND));
  let r = f32x4.sub(bounded, f32x4.mul(k, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1.98412698e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.38888889e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.33333333e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.16666667e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.66666667e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  const power = i32x4.add(p, i32x4.shl(shifted, 23));
  return v128.andnot(power, isLow);
}
