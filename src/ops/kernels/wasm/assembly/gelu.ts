/**
 * Exact GELU, four lanes at a time.
 *
 * Phi(-z) = exp(-z^2 / 2) * R(z) for z >= 0, where R(z) = erfcx(z / sqrt 2) / 2 is smooth and falls
 * from 1/2. With q = z / (1 + 0.33 z), R is 1/2 - q S(q) with S a polynomial of degree 6 (minimax in
 * the relative error of R over 0 <= z <= 7: 5e-8). Unlike 1 + erf this keeps the negative tail
 * accurate. x Phi(x) = max(x, 0) - |x| Phi(-|x|).
 */

const BOUND: f32 = 0.33;

// exp(-x^2 / 2) as 2^t = 2^k 2^r, |r| <= 1/2: degree 6 minimax for 2^r (relative error 2e-9). Adding
// ROUND leaves k in the low mantissa bits, which a shift moves into the exponent. t is kept above
// -126, the smallest normal exponent. Comparisons are ordered so that NaN stays NaN.
const ROUND: f32 = 12582912;

function gauss(x: v128): v128 {
  const t = f32x4.pmax(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.72134752)), f32x4.splat(-126));
  const shifted = f32x4.add(t, f32x4.splat(ROUND));
  const r = f32x4.sub(t, f32x4.sub(shifted, f32x4.splat(ROUND)));
  let p = f32x4.splat(1.53458124e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.33999309e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(9.61848907e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.55032864e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(2.40226462e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(6.93147182e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

// Phi(-z) is 0 in float32 well before z = 16; the bound lets infinities through without inf / inf.
function clamp(x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, f32x4.splat(-16)), f32x4.splat(16));
}

function ratio(z: v128): v128 {
  const one = f32x4.splat(1);
  const q = f32x4.div(z, f32x4.add(one, f32x4.mul(z, f32x4.splat(BOUND))));
  let s = f32x4.splat(2.1089978e-5);
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(-1.37427618e-4));
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(-1.14722359e-4));
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(1.72308553e-3));
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(1.14668151e-2));
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(-0.118358083));
  s = f32x4.add(f32x4.mul(s, q), f32x4.splat(0.398942947));
  return f32x4.sub(f32x4.splat(0.5), f32x4.mul(q, s));
}

/** y = x Phi(x) for `count` >= 4 values. The last vector overlaps the one before it. */
export function gelu(x: usize, y: usize, count: i32): void {
  const last = (<usize>(count - 4)) << 2;
  let at: usize = 0;
  while (true) {
    const v = v128.load(x + at);
    const bounded = clamp(v);
    const z = f32x4.abs(bounded);
    const tail = f32x4.mul(ratio(z), gauss(bounded));
    v128.store(y + at, f32x4.sub(f32x4.pmax(v, f32x4.splat(0)), f32x4.mul(z, tail)));
    if (at >= last) break;
    at += 16;
    if (at > last) at = last;
  }
}

/** dx = dy (Phi(x) + x phi(x)) for `count` >= 4 values. */
export function geluGrad(x: usize, dy: usize, dx: usize, count: i32): void {
  const last = (<usize>(count - 4)) << 2;
  let at: usize = 0;
  while (true) {
    const v = clamp(v128.load(x + at));
    const e = gauss(v);
    const tail = f32x4.mul(ratio(f32x4.abs(v)), e);
    const positive = f32x4.gt(v, f32x4.splat(0));
    const cdf = v128.bitselect(f32x4.sub(f32x4.splat(1), tail), tail, positive);
    const slope = f32x4.mul(f32x4.mul(v, f32x4.splat(0.39894228)), e);
    v128.store(dx + at, f32x4.mul(v128.load(dy + at), f32x4.add(cdf, slope)));
    if (at >= last) break;
    at += 16;
    if (at > last) at = last;
  }
}
