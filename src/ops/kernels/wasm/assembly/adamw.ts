/** AdamW with moments in float32: one pass over a weight, its gradient and its moments. */

/**
 * Every operation is rounded as one of tfjs's is, in the same order, so that the numbers are the same to the bit.
 *
 * @param w the weight, `count` numbers, as are its gradient `g` and its moments `m` and `v`, both 0 for none yet
 * @param y what the weight becomes, as `toM` and `toV` are of the moments
 * @param kept what decay leaves of the weight
 * @param size factor of m / (sqrt(v) + epsilon)
 */
export function adamw(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  y: usize,
  toM: usize,
  toV: usize,
  count: i32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  kept: f32,
  size: f32,
  epsilon: f32,
): void {
  const bytes = (<usize>count) << 2;
  const wide = bytes & ~15;
  const isFirst = m == 0;
  let at: usize = 0;
  for (; at < wide; at += 16) {
    const gradient = v128.load(g + at);
    let first = f32x4.mul(gradient, f32x4.splat(rest1));
    let square = f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(rest2));
    if (!isFirst) {
      first = f32x4.add(f32x4.mul(v128.load(m + at), f32x4.splat(beta1)), first);
      square = f32x4.add(f32x4.mul(v128.load(v + at), f32x4.splat(beta2)), square);
    }
    v128.store(toM + at, first);
    v128.store(toV + at, square);
    const root = f32x4.add(f32x4.sqrt(square), f32x4.splat(epsilon));
    const change = f32x4.mul(f32x4.div(first, root), f32x4.splat(size));
    v128.store(y + at, f32x4.sub(f32x4.mul(v128.load(w + at), f32x4.splat(kept)), change));
  }
  for (; at < bytes; at += 4) {
    const gradient = load<f32>(g + at);
    let first: f32 = gradient * rest1;
    let square: f32 = gradient * gradient * rest2;
    if (!isFirst) {
      first = load<f32>(m + at) * beta1 + first;
      square = load<f32>(v + at) * beta2 + square;
    }
    store<f32>(toM + at, first);
    store<f32>(toV + at, square);
    const change: f32 = (first / (sqrt<f32>(square) + epsilon)) * size;
    store<f32>(y + at, load<f32>(w + at) * kept - change);
  }
}
