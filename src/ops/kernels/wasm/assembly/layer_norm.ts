/** Normalisation over rows of a row-major matrix. */

function horizontalSum(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 2) +
    (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

/**
 * xhat = (x - mean) / sqrt(variance + epsilon) and rstd = 1 / sqrt(variance + epsilon) per row. Two
 * passes over a row that is still in the first-level cache: subtracting the mean before squaring
 * keeps rows with a large mean accurate.
 */
export function layerNorm(
  x: usize,
  xhat: usize,
  rstd: usize,
  rows: i32,
  columns: i32,
  epsilon: f32,
): void {
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~31;
  const inverse: f32 = <f32>1 / <f32>columns;
  for (let row = 0; row < rows; row++) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let at: usize = 0;
    for (; at < wide; at += 32) {
      s0 = f32x4.add(s0, v128.load(x + at));
      s1 = f32x4.add(s1, v128.load(x + at, 16));
    }
    let sum: f32 = horizontalSum(f32x4.add(s0, s1));
    for (; at < bytes; at += 4) sum += load<f32>(x + at);
    const mean: f32 = sum * inverse;
    const mean4 = f32x4.splat(mean);

    s0 = f32x4.splat(0);
    s1 = f32x4.splat(0);
    for (at = 0; at < wide; at += 32) {
      const d0 = f32x4.sub(v128.load(x + at), mean4);
      const d1 = f32x4.sub(v128.load(x + at, 16), mean4);
      s0 = f32x4.add(s0, f32x4.mul(d0, d0));
      s1 = f32x4.add(s1, f32x4.mul(d1, d1));
    }
    sum = horizontalSum(f32x4.add(s0, s1));
    for (; at < bytes; at += 4) {
      const d: f32 = load<f32>(x + at) - mean;
      sum += d * d;
    }
    const scale: f32 = <f32>1 / sqrt<f32>(sum * inverse + epsilon);
    const scale4 = f32x4.splat(scale);

    for (at = 0; at < wide; at += 32) {
      v128.store(xhat + at, f32x4.mul(f32x4.sub(v128.load(x + at), mean4), scale4));
      v128.store(xhat + at, f32x4.mul(f32x4.sub(v128.load(x + at, 16), mean4), scale4), 16);
    }
    for (; at < bytes; at += 4) store<f32>(xhat + at, (load<f32>(x + at) - mean) * scale);
    store<f32>(rstd, scale);
    rstd += 4;
    x += bytes;
    xhat += bytes;
  }
}

/** dx = rstd (dy - mean(dy) - xhat mean(dy xhat)) per row; dx may be dy. */
export function layerNormGrad(
  dy: usize,
  xhat: usize,
  rstd: usize,
  dx: usize,
  rows: i32,
  columns: i32,
): void {
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~15;
  const inverse: f32 = <f32>1 / <f32>columns;
  for (let row = 0; row < rows; row++) {
    let s = f32x4.splat(0);
    let p = f32x4.splat(0);
    let at: usize = 0;
    for (; at < wide; at += 16) {
      const g = v128.load(dy + at);
      s = f32x4.add(s, g);
      p = f32x4.add(p, f32x4.mul(g, v128.load(xhat + at)));
    }
    let sum: f32 = horizontalSum(s);
    let product: f32 = horizontalSum(p);
    for (; at < bytes; at += 4) {
      const g: f32 = load<f32>(dy + at);
      sum += g;
      product += g * load<f32>(xhat + at);
    }
    const mean: f32 = sum * inverse;
    const along: f32 = product * inverse;
    const scale: f32 = load<f32>(rstd);
    const mean4 = f32x4.splat(mean);
    const along4 = f32x4.splat(along);
    const scale4 = f32x4.splat(scale);
    for (at = 0; at < wide; at += 16) {
      const centered = f32x4.sub(v128.load(dy + at), mean4);
      const d = f32x4.sub(centered, f32x4.mul(v128.load(xhat + at), along4));
      v128.store(dx + at, f32x4.mul(d, scale4));
    }
    for (; at < bytes; at += 4) {
      const d: f32 = load<f32>(dy + at) - mean - load<f32>(xhat + at) * along;
      store<f32>(dx + at, d * scale);
    }
    rstd += 4;
    dy += bytes;
    xhat += bytes;
    dx += bytes;
  }
}
