/** Product of a row and a matrix, which is read once, in order, and never packed. */
import { madd } from './madd';

/**
 * c[j] = bias[j] + sum over i of a[i] b[i, j], summed in the order of i.
 *
 * @param bias n values, or 0
 * @param bStride bytes from one row of b to the next
 */
export function rowProduct(
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  n: i32,
  k: i32,
  bStride: usize,
): void {
  const bytes = (<usize>n) << 2;
  const wide = bytes & ~15;
  if (bias == 0) memory.fill(c, 0, bytes);
  else memory.copy(c, bias, bytes);
  let i = 0;
  // Four rows at a time, so that c is loaded and stored once for all of them.
  for (; i + 4 <= k; i += 4) {
    const a0 = v128.load_splat<f32>(a);
    const a1 = v128.load_splat<f32>(a, 4);
    const a2 = v128.load_splat<f32>(a, 8);
    const a3 = v128.load_splat<f32>(a, 12);
    const b1 = b + bStride;
    const b2 = b1 + bStride;
    const b3 = b2 + bStride;
    let at: usize = 0;
    for (; at < wide; at += 16) {
      let sum = madd(a0, v128.load(b + at), v128.load(c + at));
      sum = madd(a1, v128.load(b1 + at), sum);
      sum = madd(a2, v128.load(b2 + at), sum);
      v128.store(c + at, madd(a3, v128.load(b3 + at), sum));
    }
    for (; at < bytes; at += 4) {
      let sum = load<f32>(c + at) + load<f32>(a) * load<f32>(b + at);
      sum += load<f32>(a, 4) * load<f32>(b1 + at);
      sum += load<f32>(a, 8) * load<f32>(b2 + at);
      store<f32>(c + at, sum + load<f32>(a, 12) * load<f32>(b3 + at));
    }
    a += 16;
    b = b3 + bStride;
  }
  for (; i < k; i++) {
    const value = load<f32>(a);
    let at: usize = 0;
    for (; at < wide; at += 16) {
      v128.store(c + at, madd(f32x4.splat(value), v128.load(b + at), v128.load(c + at)));
    }
    for (; at < bytes; at += 4) {
      store<f32>(c + at, load<f32>(c + at) + value * load<f32>(b + at));
    }
    a += 4;
    b += bStride;
  }
}
