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
import { tile } from './tile';

/** Depth of a block. */
const KC: i32 = 256;
/** Columns of a block, a multiple of 16. */
const NC: i32 = 512;
/** Bytes of scratch memory that a block of B, a panel of A and a spilled tile need. */
export const BLOCK_SCRATCH: i32 = KC * NC * 4 + KC * 16 + 128;

/** How the rows of op(A) are read. */
export const ROWS: i32 = 0;
export const COLUMNS: i32 = 1;
export const PATCHES: i32 = 2;

/**
 * @param kind ROWS: a is m x k; COLUMNS: a is k x m; PATCHES: what `gatherPatches` reads, a unused
 * @param b k x n, or n x k when `transposeB`
 * @param bias n values, or 0
 * @param c m x n, overwritten; k must not be 0
 * @param scratch BLOCK_SCRATCH bytes, and 4 n + 32 more when there is a bias
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
): void {
  const aStride = (<usize>(kind == COLUMNS ? m : k)) << 2;
  const bStride = (<usize>(transposeB ? k : n)) << 2;
  const cStride = (<usize>n) << 2;
  const panelA = scratch + KC * NC * 4;
  const spill = panelA + KC * 16;
  let paddedBias: usize = 0;
  if (bias != 0) {
    paddedBias = spill + 128;
    memory.copy(paddedBias, bias, cStride);
    memory.fill(paddedBias + cStride, 0, PANEL_ROW);
  }
  for (let j0 = 0; j0 < n; j0 += NC) {
    const columns = min(NC, n - j0);
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
            k0 == 0,
            paddedBias == 0 ? 0 : paddedBias + ((<usize>(j0 + j)) << 2),
            m - i,
            columns - j,
            spill,
          );
        }
      }
    }
  }
}

/** C = op(A) op(B) + bias; see `multiply`. */
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
): void {
  multiply(transposeA ? COLUMNS : ROWS, a, b, bias, c, m, n, k, transposeB, scratch);
}
