/**
 * The inner kernel of every product: a 4 x 8 tile of C kept in 8 registers; with 2 for B and one for
 * a broadcast of A that fits the 16 of SSE and AVX.
 */
import { madd } from './madd';
import { PANEL_ROW } from './pack';

/**
 * Product of an A panel ([depth][4]) and a B panel ([depth][8]). It is added to the 4 x 8 tile at
 * `c` (row stride `stride` bytes), or with `first` written there plus the 8 values at `bias`, if any.
 */
function fullTile(
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  depth: i32,
  first: bool,
  bias: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  if (first && bias != 0) {
    c00 = v128.load(bias);
    c01 = v128.load(bias, 16);
  }
  let c10 = c00;
  let c11 = c01;
  let c20 = c00;
  let c21 = c01;
  let c30 = c00;
  let c31 = c01;
  const end = b + <usize>depth * PANEL_ROW;
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let v = v128.load_splat<f32>(a);
    c00 = madd(v, b0, c00);
    c01 = madd(v, b1, c01);
    v = v128.load_splat<f32>(a, 4);
    c10 = madd(v, b0, c10);
    c11 = madd(v, b1, c11);
    v = v128.load_splat<f32>(a, 8);
    c20 = madd(v, b0, c20);
    c21 = madd(v, b1, c21);
    v = v128.load_splat<f32>(a, 12);
    c30 = madd(v, b0, c30);
    c31 = madd(v, b1, c31);
    a += 16;
    b += PANEL_ROW;
  }
  const d1 = c + stride;
  const d2 = d1 + stride;
  const d3 = d2 + stride;
  if (!first) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c10 = f32x4.add(c10, v128.load(d1));
    c11 = f32x4.add(c11, v128.load(d1, 16));
    c20 = f32x4.add(c20, v128.load(d2));
    c21 = f32x4.add(c21, v128.load(d2, 16));
    c30 = f32x4.add(c30, v128.load(d3));
    c31 = f32x4.add(c31, v128.load(d3, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(d1, c10);
  v128.store(d1, c11, 16);
  v128.store(d2, c20);
  v128.store(d2, c21, 16);
  v128.store(d3, c30);
  v128.store(d3, c31, 16);
}

/**
 * As `fullTile`, for a tile of which only `rows` x `columns` (1..4 x 1..8) belong to C: the whole
 * tile goes to `spill` (128 bytes), the valid part from there.
 */
export function tile(
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  depth: i32,
  first: bool,
  bias: usize,
  rows: i32,
  columns: i32,
  spill: usize,
): void {
  const whole = rows >= 4 && columns >= 8;
  const target = whole ? c : spill;
  fullTile(a, b, target, whole ? stride : PANEL_ROW, depth, first || !whole, first ? bias : 0);
  if (whole) return;
  for (let i = 0; i < min(rows, 4); i++) {
    for (let at: usize = 0; at < (<usize>min(columns, 8)) << 2; at += 4) {
      const sum = load<f32>(spill + at);
      store<f32>(c + at, first ? sum : load<f32>(c + at) + sum);
    }
    c += stride;
    spill += PANEL_ROW;
  }
}
