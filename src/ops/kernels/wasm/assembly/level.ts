/** What levels are added up by and undone by: passes over rows with a factor for each column. */

/**
 * y = x scale factor + other, for rows of `columns` values. As tfjs rounds it where factor is 1. y may be x or other.
 *
 * @param scale `columns` values, or 0 for none
 * @param other where the values to add begin, or 0 for none
 * @param otherStep values from a row of them to the next: 0 where all rows have the same
 */
export function scaledSum(
  x: usize,
  scale: usize,
  other: usize,
  y: usize,
  rows: i32,
  columns: i32,
  otherStep: i32,
  factor: f32,
): void {
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~15;
  const step = (<usize>otherStep) << 2;
  const factors = f32x4.splat(factor);
  for (let row = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < wide; at += 16) {
      let v = v128.load(x + at);
      if (scale != 0) v = f32x4.mul(v, v128.load(scale + at));
      v = f32x4.mul(v, factors);
      if (other != 0) v = f32x4.add(v, v128.load(other + at));
      v128.store(y + at, v);
    }
    for (; at < bytes; at += 4) {
      let v = load<f32>(x + at);
      if (scale != 0) v *= load<f32>(scale + at);
      v *= factor;
      if (other != 0) v += load<f32>(other + at);
      store<f32>(y + at, v);
    }
    x += bytes;
    y += bytes;
    other += step;
  }
}

/** y = (c - f) / alpha, for rows of `columns` values, of which alpha has one. */
export function undoLevel(
  c: usize,
  f: usize,
  alpha: usize,
  y: usize,
  rows: i32,
  columns: i32,
): void {
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~15;
  for (let row = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < wide; at += 16) {
      const difference = f32x4.sub(v128.load(c + at), v128.load(f + at));
      v128.store(y + at, f32x4.div(difference, v128.load(alpha + at)));
    }
    for (; at < bytes; at += 4) {
      store<f32>(y + at, (load<f32>(c + at) - load<f32>(f + at)) / load<f32>(alpha + at));
    }
    c += bytes;
    f += bytes;
    y += bytes;
  }
}

/** y = x, each of its `rows` rows of `width` pixels twice as high and wide, + other. */
export function doubledSum(
  x: usize,
  other: usize,
  y: usize,
  rows: i32,
  width: i32,
  channels: i32,
): void {
  const bytes = (<usize>channels) << 2;
  const wide = bytes & ~15;
  for (let row = 0; row < 2 * rows; row++) {
    let from = x + bytes * <usize>((row >> 1) * width);
    for (let i = 0; i < 2 * width; i++) {
      let at: usize = 0;
      for (; at < wide; at += 16) {
        v128.store(y + at, f32x4.add(v128.load(other + at), v128.load(from + at)));
      }
      for (; at < bytes; at += 4) store<f32>(y + at, load<f32>(other + at) + load<f32>(from + at));
      other += bytes;
      y += bytes;
      if (i & 1) from += bytes;
    }
  }
}

/** dx = the sums of squares of four pixels of dy, for `rows` rows of `width` pixels of dx. */
export function doubledGrad(dy: usize, dx: usize, rows: i32, width: i32, channels: i32): void {
  const bytes = (<usize>channels) << 2;
  const wide = bytes & ~15;
  const line = bytes * <usize>(2 * width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const below = dy + line;
      let at: usize = 0;
      for (; at < wide; at += 16) {
        const upper = f32x4.add(v128.load(dy + at), v128.load(dy + bytes + at));
        const lower = f32x4.add(v128.load(below + at), v128.load(below + bytes + at));
        v128.store(dx + at, f32x4.add(upper, lower));
      }
      for (; at < bytes; at += 4) {
        const upper: f32 = load<f32>(dy + at) + load<f32>(dy + bytes + at);
        store<f32>(dx + at, upper + (load<f32>(below + at) + load<f32>(below + bytes + at)));
      }
      dy += 2 * bytes;
      dx += bytes;
    }
    dy += line;
  }
}
