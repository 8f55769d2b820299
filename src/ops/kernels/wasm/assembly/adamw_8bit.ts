/** AdamW with moments of eight bits per number: one pass over a weight; moments in place. */

/** Numbers that share a scale. */
const BLOCK: i32 = 256;

// Tables, in this order: what signed codes stand for, the middles between them, the same of unsigned
// codes (256 numbers each), then the lowest codes of stretches, of signed and of unsigned ones. What they
// are is told in `../../dynamic_codes.ts`, whose constants these are.
const MIDDLES: usize = 1024;
const UNSIGNED: usize = 2048;
const LOWEST: usize = 4096;
const SHIFT: i32 = 16;
const FIRST: i32 = 0x33800000 >> SHIFT;
const STRETCHES: i32 = (0x3f800000 >> SHIFT) - FIRST + 1;
const SIGNED_ZERO: i32 = 127;

/** The code nearest to `value`, from 0 to 1; an infinity or no number gets the topmost one. */
function codeOf(value: f32, middles: usize, lowest: usize): i32 {
  const stretch = (reinterpret<i32>(value) >> SHIFT) - FIRST;
  const code = <i32>load<u8>(lowest + <usize>min(max(stretch, 0), STRETCHES - 1));
  return code + i32(value > load<f32>(middles + ((<usize>code) << 2)));
}

/** Bytes of a block of numbers, of which the scratch memory holds four. */
const ROW: usize = 1024;

/** Overwrites `count` numbers, rounded up to fours, by their shares of the scale; 0 stays 0 whatever that is. */
function toShares(numbers: usize, scale: f32, shares: usize, count: i32): void {
  const end = ((<usize>count) << 2) + 12;
  for (let at: usize = 0; at + 16 <= end; at += 16) {
    const value = f32x4.abs(v128.load(numbers + at));
    const share = f32x4.div(value, f32x4.splat(scale));
    v128.store(shares + at, v128.and(share, f32x4.ne(value, f32x4.splat(0))));
  }
}

/**
 * @param w the weight, `count` numbers, as are its new values `y`, its gradient `g`, and the codes `m`
 *   and `v`
 * @param mScale one number per block, as is `vScale`
 * @param kept what decay leaves of the weight
 * @param size factor of m / (sqrt(v) + epsilon)
 * @param scratch 4096 bytes
 */
export function adamw8bit(
  w: usize,
  y: usize,
  g: usize,
  m: usize,
  mScale: usize,
  v: usize,
  vScale: usize,
  count: i32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  kept: f32,
  size: f32,
  epsilon: f32,
  tables: usize,
  scratch: usize,
): void {
  const second = scratch + ROW;
  const shareM = second + ROW;
  const shareV = shareM + ROW;
  const signedLowest = tables + LOWEST;
  const unsignedLowest = signedLowest + <usize>STRETCHES;
  for (let start = 0; start < count; start += BLOCK) {
    const length = min(BLOCK, count - start);
    const scaleM = load<f32>(mScale);
    const scaleV = load<f32>(vScale);
    for (let i = 0; i < length; i++) {
      const at = (<usize>i) << 2;
      const codeM = (<usize>load<u8>(m + <usize>i)) << 2;
      const codeV = (<usize>load<u8>(v + <usize>i)) << 2;
      store<f32>(scratch + at, load<f32>(tables + codeM));
      store<f32>(second + at, load<f32>(tables + UNSIGNED + codeV));
    }
    const wide = ((<usize>length) << 2) & ~15;
    const end = (<usize>length) << 2;
    let mostM = f32x4.splat(0);
    let mostV = f32x4.splat(0);
    let at: usize = 0;
    for (; at < wide; at += 16) {
      const gradient = v128.load(g + at);
      const first = f32x4.add(
        f32x4.mul(f32x4.mul(v128.load(scratch + at), f32x4.splat(scaleM)), f32x4.splat(beta1)),
        f32x4.mul(gradient, f32x4.splat(rest1)),
      );
      const square = f32x4.add(
        f32x4.mul(f32x4.mul(v128.load(second + at), f32x4.splat(scaleV)), f32x4.splat(beta2)),
        f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(rest2)),
      );
      v128.store(scratch + at, first);
      v128.store(second + at, square);
      mostM = f32x4.max(mostM, f32x4.abs(first));
      mostV = f32x4.max(mostV, square);
      const root = f32x4.add(f32x4.sqrt(square), f32x4.splat(epsilon));
      const change = f32x4.mul(f32x4.div(first, root), f32x4.splat(size));
      v128.store(y + at, f32x4.sub(f32x4.mul(v128.load(w + at), f32x4.splat(kept)), change));
    }
    let topM: f32 = max(
      max(f32x4.extract_lane(mostM, 0), f32x4.extract_lane(mostM, 1)),
      max(f32x4.extract_lane(mostM, 2), f32x4.extract_lane(mostM, 3)),
    );
    let topV: f32 = max(
      max(f32x4.extract_lane(mostV, 0), f32x4.extract_lane(mostV, 1)),
      max(f32x4.extract_lane(mostV, 2), f32x4.extract_lane(mostV, 3)),
    );
    for (; at < end; at += 4) {
      const gradient = load<f32>(g + at);
      const first = load<f32>(scratch + at) * scaleM * beta1 + gradient * rest1;
      const square = load<f32>(second + at) * scaleV * beta2 + gradient * gradient * rest2;
      store<f32>(scratch + at, first);
      store<f32>(second + at, square);
      topM = max(topM, abs(first));
      topV = max(topV, square);
      const change = (first / (sqrt<f32>(square) + epsilon)) * size;
      store<f32>(y + at, load<f32>(w + at) * kept - change);
    }
    store<f32>(mScale, topM);
    store<f32>(vScale, topV);
    toShares(scratch, topM, shareM, length);
    toShares(second, topV, shareV, length);
    // Without branches, since no processor can foretell the signs of gradients.
    for (let i = 0; i < length; i++) {
      const offset = (<usize>i) << 2;
      const codeM = codeOf(load<f32>(shareM + offset), tables + MIDDLES, signedLowest);
      const isBelow = -i32(load<f32>(scratch + offset) < 0);
      // The number 1 has no code below 0; the one next to it has.
      const mirrored = codeM - (((codeM + 1) >> 8) & isBelow);
      store<u8>(m + <usize>i, <u8>((mirrored ^ isBelow) - isBelow + ((2 * SIGNED_ZERO) & isBelow)));
      const codeV = codeOf(load<f32>(shareV + offset), tables + UNSIGNED + MIDDLES, unsignedLowest);
      // Never 0, by which a moment would be divided.
      const isLost = i32(codeV == 0) & i32(load<f32>(second + offset) != 0);
      store<u8>(v + <usize>i, <u8>(codeV + isLost));
    }
    w += end;
    y += end;
    g += end;
    m += <usize>length;
    v += <usize>length;
    mScale += 4;
    vScale += 4;
  }
}
