/**
 * Copies operands of a product into the order in which the inner kernel reads them: A as [k][4],
 * B as panels of 8 columns, [panel][k][8]. What lies beyond the operand becomes 0.
 */

/** Bytes of one row of a B panel. */
export const PANEL_ROW: usize = 32;

/** Packs `depth` x `columns` of B (row stride `stride` bytes) into panels of 8 columns. */
export function packB(b: usize, stride: usize, panel: usize, depth: i32, columns: i32): void {
  const panelBytes = <usize>depth * PANEL_ROW;
  let j = 0;
  // Two panels at a time: 16 columns are one cache line.
  for (; j + 16 <= columns; j += 16) {
    let from = b + ((<usize>j) << 2);
    let to = panel;
    for (let k = 0; k < depth; k++) {
      const second = to + panelBytes;
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      v128.store(second, v128.load(from, 32));
      v128.store(second, v128.load(from, 48), 16);
      from += stride;
      to += PANEL_ROW;
    }
    panel += panelBytes << 1;
  }
  for (; j < columns; j += 8) {
    const valid = min(8, columns - j);
    let from = b + ((<usize>j) << 2);
    let to = panel;
    for (let k = 0; k < depth; k++) {
      if (valid == 8) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
      } else {
        for (let i = 0; i < 8; i++) {
          const at = (<usize>i) << 2;
          store<f32>(to + at, i < valid ? load<f32>(from + at) : 0);
        }
      }
      from += stride;
      to += PANEL_ROW;
    }
    panel += panelBytes;
  }
}

/**
 * Copies 4 source rows of `depth` values (row stride `stride` bytes) to 4 of every `pitch / 4`
 * values: to[k * pitch + 4 i] = from[i * stride + 4 k]. Rows from `valid` on become 0.
 */
export function interleave(
  from: usize,
  stride: usize,
  to: usize,
  pitch: usize,
  depth: i32,
  valid: i32,
): void {
  let k = 0;
  if (valid >= 4) {
    const r1 = from + stride;
    const r2 = r1 + stride;
    const r3 = r2 + stride;
    for (; k + 4 <= depth; k += 4) {
      const at = (<usize>k) << 2;
      const a = v128.load(from + at);
      const b = v128.load(r1 + at);
      const c = v128.load(r2 + at);
      const d = v128.load(r3 + at);
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2));
      v128.store(to + pitch, v128.shuffle<i64>(ab0, cd0, 1, 3));
      to += pitch << 1;
      v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2));
      v128.store(to + pitch, v128.shuffle<i64>(ab1, cd1, 1, 3));
      to += pitch << 1;
    }
  }
  for (; k < depth; k++) {
    for (let i = 0; i < 4; i++) {
      const at = from + <usize>i * stride + ((<usize>k) << 2);
      store<f32>(to + ((<usize>i) << 2), i < valid ? load<f32>(at) : 0);
    }
    to += pitch;
  }
}

/** Packs the transpose of `columns` x `depth` of B (row stride `stride` bytes) into panels. */
export function packBTransposed(
  b: usize,
  stride: usize,
  panel: usize,
  depth: i32,
  columns: i32,
): void {
  for (let j = 0; j < columns; j += 8) {
    const from = b + <usize>j * stride;
    interleave(from, stride, panel, PANEL_ROW, depth, columns - j);
    interleave(from + (stride << 2), stride, panel + 16, PANEL_ROW, depth, columns - j - 4);
    panel += <usize>depth * PANEL_ROW;
  }
}

/** Packs 4 columns of A stored as [k, m]; columns from `valid` on become 0. */
export function packATransposed(a: usize, stride: usize, to: usize, depth: i32, valid: i32): void {
  for (let k = 0; k < depth; k++) {
    if (valid >= 4) {
      v128.store(to, v128.load(a));
    } else {
      for (let i = 0; i < 4; i++) {
        const at = (<usize>i) << 2;
        store<f32>(to + at, i < valid ? load<f32>(a + at) : 0);
      }
    }
    a += stride;
    to += 16;
  }
}
