/**
 * The transposed patches of a batch of images, NHWC, as a matrix that is never stored: its rows are
 * the values of a filter (row, column, channel), its columns the output pixels (image, row, column).
 */

let images: usize = 0;
let height: i32 = 0;
let width: i32 = 0;
let channels: i32 = 0;
let outHeight: i32 = 0;
let outWidth: i32 = 0;
let filterWidth: i32 = 0;
let strideHeight: i32 = 0;
let strideWidth: i32 = 0;
let top: i32 = 0;
let left: i32 = 0;

/** Says which patches `gatherPatches` reads. */
export function setPatches(
  x: usize,
  inHeight: i32,
  inWidth: i32,
  inChannels: i32,
  convolvedHeight: i32,
  convolvedWidth: i32,
  columnsOfFilter: i32,
  rowStride: i32,
  columnStride: i32,
  rowsAbove: i32,
  columnsBefore: i32,
): void {
  images = x;
  height = inHeight;
  width = inWidth;
  channels = inChannels;
  outHeight = convolvedHeight;
  outWidth = convolvedWidth;
  filterWidth = columnsOfFilter;
  strideHeight = rowStride;
  strideWidth = columnStride;
  top = rowsAbove;
  left = columnsBefore;
}

/**
 * Columns first..first + depth of row `index`, or of 4 rows from there (channels side by side) when
 * `wide`; each column takes 16 bytes of `to`. Where the filter reads padding there are zeros.
 */
function gather(index: i32, first: i32, depth: i32, to: usize, wide: bool): void {
  const tap = index / channels;
  const rowOffset = tap / filterWidth - top;
  const columnOffset = (tap % filterWidth) - left;
  const pixelBytes = (<usize>channels) << 2;
  const step = pixelBytes * strideWidth;
  const x = images + ((<usize>(index % channels)) << 2);
  let outColumn = first % outWidth;
  let outRow = (first / outWidth) % outHeight;
  let image = first / outWidth / outHeight;
  for (let done = 0; done < depth;) {
    const count = min(outWidth - outColumn, depth - done);
    const row = outRow * strideHeight + rowOffset;
    let column = outColumn * strideWidth + columnOffset;
    const inside = row >= 0 && row < height;
    let from = x + pixelBytes * <usize>((image * height + row) * width + column);
    for (let i = 0; i < count; i++) {
      const valid = inside && column >= 0 && column < width;
      if (wide) {
        v128.store(to, valid ? v128.load(from) : f32x4.splat(0));
      } else {
        store<f32>(to, valid ? load<f32>(from) : 0);
      }
      column += strideWidth;
      from += step;
      to += 16;
    }
    done += count;
    outColumn = 0;
    outRow++;
    if (outRow == outHeight) {
      outRow = 0;
      image++;
    }
  }
}

/** Packs columns first..first + depth of 4 rows as [column][4]; rows from `rows` on repeat the last. */
export function gatherPatches(index: i32, rows: i32, first: i32, depth: i32, to: usize): void {
  if ((channels & 3) == 0) {
    gather(index, first, depth, to, true);
    return;
  }
  for (let lane = 0; lane < 4; lane++) {
    gather(min(index + lane, rows - 1), first, depth, to + ((<usize>lane) << 2), false);
  }
}
