/**
 * Matrix products C = op(A) op(B) + bias of row-major float32 matrices.
 *
 * B is packed in blocks of KC x NC (512 KB, fits the second-level cache), A four rows at a time
 * (4 KB, first level); each A panel then meets all panels of the B block, so C is written in order.
 * One driver serves all products: V8 unrolls the innermost loop by how deep it is nested, and loses
 * a fifth of the speed when `tile` is a function of its own.
 */
import { gatherPatches } from './patches';
import { interleave, packATransposed, packB, packBTransposed, PANEL_ROW } from './pack';
import { rowProduct } from './row_product';
import { tile } from './tile';

/** Depth of a block. */
const KC: i32 = 256;
/** Columns of a block, a multiple of 16. */
const NC: i32 = 512;
/** Bytes of scratch memory that a block of B, a panel of A, a spilled tile and a block of bias need. */
export const BLOCK_SCRATCH: i32 = KC * NC * 4 + KC * 16 + 128 + NC * 4 + 64;

/** How the rows of op(A) are read. */
export const ROWS: i32 = 0;
export const COLUMNS: i32 = 1;
export const PATCHES: i32 = 2;

/**
 * @param kind ROWS: a is m x k; COLUMNS: a is k x m; PATCHES: what `gatherPatches` reads, a unused
 * @param b k x n, or n x k when `transposeB`
 * @param bias n values, or 0
 * @param c m x n, overwritten, or added to with `adds`; k must not be 0
 * @param scratch BLOCK_SCRATCH bytes
 * @param aStride bytes from one row of `a` as it is stored to the next, as bStride and cStride are of theirs
 */
export function multiply(
  kind: i32,
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeB: bool,
  scratch: usize,
  aStride: usize,
  bStride: usize,
  cStride: usize,
  adds: bool,
): void {
  const panelA = scratch + KC * NC * 4;
  const spill = panelA + KC * 16;
  // The bias of a block, with zeros where the last tile reads beyond it.
  const paddedBias: usize = bias == 0 ? 0 : spill + 128;
  for (let j0 = 0; j0 < n; j0 += NC) {
    const columns = min(NC, n - j0);
    if (bias != 0) {
      const bytes = (<usize>columns) << 2;
      memory.copy(paddedBias, bias + ((<usize>j0) << 2), bytes);
      memory.fill(paddedBias + bytes, 0, PANEL_ROW);
    }
    for (let k0 = 0; k0 < k; k0 += KC) {
      const depth = min(KC, k - k0);
      if (transposeB) {
        packBTransposed(b + bStride * j0 + ((<usize>k0) << 2), bStride, scratch, depth, columns);
      } else {
        packB(b + bStride * k0 + ((<usize>j0) << 2), bStride, scratch, depth, columns);
      }
      for (let i = 0; i < m; i += 4) {
        if (kind == PATCHES) {
          gatherPatches(i, m, k0, depth, panelA);
        } else if (kind == COLUMNS) {
          packATransposed(a + aStride * k0 + ((<usize>i) << 2), aStride, panelA, depth, m - i);
        } else {
          interleave(a + aStride * i + ((<usize>k0) << 2), aStride, panelA, 16, depth, m - i);
        }
        const row = c + cStride * i + ((<usize>j0) << 2);
        for (let j = 0; j < columns; j += 8) {
          tile(
            panelA,
            scratch + <usize>j * ((<usize>depth) << 2),
            row + ((<usize>j) << 2),
            cStride,
            depth,
            k0 == 0 && !adds,
            paddedBias == 0 ? 0 : paddedBias + ((<usize>j) << 2),
            m - i,
            columns - j,
            spill,
          );
        }
      }
    }
  }
}

/** C = op(A) op(B) + bias, or added to C; see `multiply`. Strides in values. */
export function gemm(
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  scratch: usize,
  aStride: i32,
  bStride: i32,
  cStride: i32,
  adds: bool,
): void {
  if (m == 1 && !transposeA && !transposeB && !adds) {
    rowProduct(a, b, bias, c, n, k, (<usize>bStride) << 2);
    return;
  }
  multiply(
    transposeA ? COLUMNS : ROWS,
    a,
    b,
    bias,
    c,
    m,
    n,
    k,
    transposeB,
    scratch,
    (<usize>aStride) << 2,
    (<usize>bStride) << 2,
    (<usize>cStride) << 2,
    adds,
  );
}

/** `batch` products of matrices that lie one after the other; see `multiply`. */
export function gemmBatch(
  a: usize,
  b: usize,
  c: usize,
  batch: i32,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  scratch: usize,
): void {
  const aStride = transposeA ? m : k;
  const bStride = transposeB ? k : n;
  for (let i = 0; i < batch; i++) {
    gemm(a, b, 0, c, m, n, k, transposeA, transposeB, scratch, aStride, bStride, n, false);
    a += (<usize>m * <usize>k) << 2;
    b += (<usize>k * <usize>n) << 2;
    c += (<usize>m * <usize>n) << 2;
  }
}
