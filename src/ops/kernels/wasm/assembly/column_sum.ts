/** Sums over the rows of a row-major matrix, or of the products of two. */

// Rows summed in float32 before their sum joins the float64 total: short enough for the rounding
// error to stay near one float32 unit, long enough to make the float64 work negligible, and a block
// of 256 columns (32 KB) stays in the first-level cache while its column groups are walked.
const BLOCK_ROWS: i32 = 32;

function addTotals(total: usize, sum: v128): void {
  const low = f64x2.promote_low_f32x4(sum);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(sum, sum, 1, 0));
  v128.store(total, f64x2.add(v128.load(total), low));
  v128.store(total, f64x2.add(v128.load(total, 16), high), 16);
}

/**
 * y[j] = sum over i of x[i, j].
 *
 * @param totals scratch for `columns` float64 values
 * @param pitch values from one row to the next
 */
export function columnSum(
  x: usize,
  y: usize,
  totals: usize,
  rows: i32,
  columns: i32,
  pitch: i32,
): void {
  const stride = (<usize>pitch) << 2;
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~15;
  memory.fill(totals, 0, bytes << 1);
  for (let row = 0; row < rows; row += BLOCK_ROWS) {
    const end = x + stride * <usize>min(BLOCK_ROWS, rows - row);
    let at: usize = 0;
    for (; at < wide; at += 16) {
      let sum = f32x4.splat(0);
      for (let p = x + at; p < end; p += stride) sum = f32x4.add(sum, v128.load(p));
      addTotals(totals + (at << 1), sum);
    }
    for (; at < bytes; at += 4) {
      let sum: f32 = 0;
      for (let p = x + at; p < end; p += stride) sum += load<f32>(p);
      const total = totals + (at << 1);
      store<f64>(total, load<f64>(total) + <f64>sum);
    }
    x = end;
  }
  for (let at: usize = 0; at < bytes; at += 4) {
    store<f32>(y + at, <f32>load<f64>(totals + (at << 1)));
  }
}

/**
 * y[j] = sum over i of x[i, j] z[i, j].
 *
 * @param totals scratch for `columns` float64 values
 * @param pitch values from one row to the next, of both
 */
export function productSum(
  x: usize,
  z: usize,
  y: usize,
  totals: usize,
  rows: i32,
  columns: i32,
  pitch: i32,
): void {
  const stride = (<usize>pitch) << 2;
  const bytes = (<usize>columns) << 2;
  const wide = bytes & ~15;
  const apart = z - x;
  memory.fill(totals, 0, bytes << 1);
  for (let row = 0; row < rows; row += BLOCK_ROWS) {
    const end = x + stride * <usize>min(BLOCK_ROWS, rows - row);
    let at: usize = 0;
    for (; at < wide; at += 16) {
      let sum = f32x4.splat(0);
      for (let p = x + at; p < end; p += stride) {
        sum = f32x4.add(sum, f32x4.mul(v128.load(p), v128.load(p + apart)));
      }
      addTotals(totals + (at << 1), sum);
    }
    for (; at < bytes; at += 4) {
      let sum: f32 = 0;
      for (let p = x + at; p < end; p += stride) sum += load<f32>(p) * load<f32>(p + apart);
      const total = totals + (at << 1);
      store<f64>(total, load<f64>(total) + <f64>sum);
    }
    x = end;
  }
  for (let at: usize = 0; at < bytes; at += 4) {
    store<f32>(y + at, <f32>load<f64>(totals + (at << 1)));
  }
}
