/** Masks of objects: what a mask head learns, and its probabilities back in the image. */
import { requireArgument, requireInteger } from '../../common/arguments';
import { boxAt, type BoxList, type ImageSize, requireBoxes, requireCount } from './box_list';
import { type AxisWindow, regionWindows } from './roi_samples';

/** Which pixels of an image belong to an object, row by row from the top left: 0 or 1. */
export interface ObjectMask {
  readonly height: number;
  readonly width: number;
  readonly data: ArrayLike<number>;
}

/** Asserts masks. */
function requireMasks(owner: string, masks: readonly ObjectMask[]): void {
  for (const [i, { height, width, data }] of masks.entries()) {
    requireInteger(owner, `the height of mask ${i}`, height, 1);
    requireInteger(owner, `the width of mask ${i}`, width, 1);
    const count = data?.length;
    requireArgument(
      owner,
      `the number of pixels of mask ${i}`,
      count,
      count === height * width,
      'height * width',
    );
  }
}

/** For each bin the first pixel that it takes a share of, and the one behind the last. */
function ranges({ count, shares }: AxisWindow, bins: number): Int32Array {
  const found = new Int32Array(2 * bins);
  for (let bin = 0; bin < bins; bin++) {
    let [first, end] = [0, count];
    while (first < end && shares[bin * count + first] === 0) first++;
    while (end > first && shares[bin * count + end - 1] === 0) end--;
    found.set([first, end], 2 * bin);
  }
  return found;
}

/** Adds bins of a region of a mask, `[bins, bins]`. */
function alignMask(
  { data, width }: ObjectMask,
  rows: AxisWindow,
  columns: AxisWindow,
  bins: number,
): Float64Array {
  const values = new Float64Array(bins * bins);
  const strip = new Float64Array(columns.count);
  const reached = ranges(columns, bins);
  for (let i = 0; i < bins && rows.count > 0; i++) {
    strip.fill(0);
    for (let y = 0; y < rows.count; y++) {
      const share = rows.shares[i * rows.count + y] as number;
      if (share === 0) continue;
      const start = (rows.first + y) * width + columns.first;
      for (let x = 0; x < columns.count; x++) {
        strip[x] = (strip[x] as number) + share * (data[start + x] as number);
      }
    }
    for (let j = 0; j < bins; j++) {
      let sum = 0;
      const end = reached[2 * j + 1] as number;
      for (let x = reached[2 * j] as number; x < end; x++) {
        sum += (columns.shares[j * columns.count + x] as number) * (strip[x] as number);
      }
      values[i * bins + j] = sum;
    }
  }
  return values;
}

/**
 * What a mask head is to give for regions (He et al. 2017, arXiv 1703.06870, section 3), as mmdetection makes
 * it: the region, clipped to the mask, by `roiAlign` of scale 1, and 1 where that is at least 1/2. In double
 * precision.
 *
 * @param masks of the objects of an image
 * @param boxes of regions of this image, in its pixels
 * @param which mask each region is of
 * @param size side of the targets. Published: 28
 * @returns `[boxes, size, size]`, 0 or 1
 * @throws {Error} when lists do not fit each other or numbers are not finite
 */
export function maskTargets(
  masks: readonly ObjectMask[],
  boxes: BoxList,
  which: ArrayLike<number>,
  size: number,
): Uint8Array {
  const owner = 'maskTargets';
  requireMasks(owner, masks);
  const count = requireBoxes(owner, 'boxes', boxes);
  requireCount(owner, 'which', which, count);
  requireInteger(owner, 'size', size, 1);
  const targets = new Uint8Array(count * size * size);
  for (let i = 0; i < count; i++) {
    const mask = masks[which[i] as number];
    if (!mask) {
      throw new Error(
        `${owner}: region ${i} is of mask ${which[i]}; expected one of ${masks.length}`,
      );
    }
    const { height, width } = mask;
    const clip = (edge: number, side: number) => Math.min(Math.max(0, edge), side);
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    const box = [clip(x1, width), clip(y1, height), clip(x2, width), clip(y2, height)] as const;
    const { rows, columns } = regionWindows(box, 1, size, [height, width]);
    const values = alignMask(mask, rows, columns, size);
    const start = i * size * size;
    for (let k = 0; k < values.length; k++)
      targets[start + k] = (values[k] as number) >= 0.5 ? 1 : 0;
  }
  return targets;
}

/** What a pixel along an axis reads of a mask's grid: two neighbours and their shares. */
interface PixelReads {
  low: number;
  /** Shares of the grid's values `low` and `low + 1`. */
  shares: [number, number];
}

/**
 * What the pixels of an image read of a grid that is laid over a box: pixel `i`, whose centre is at `i + 1/2`,
 * between the centres of the grid's cells, with zeros around the grid.
 *
 * @returns the first pixel that reads something, and those from there on
 */
function axisReads(low: number, high: number, grid: number, pixels: number) {
  const reads: PixelReads[] = [];
  if (!(high > low)) return { first: 0, reads };
  const cell = (high - low) / grid;
  // Half a cell around the box is still read of the outermost cells.
  const first = Math.max(0, Math.floor(low - cell));
  const last = Math.min(pixels - 1, Math.ceil(high + cell));
  for (let i = first; i <= last; i++) {
    const at = ((i + 0.5 - low) / (high - low)) * grid - 0.5;
    const below = Math.floor(at);
    const inside = (k: number) => k >= 0 && k < grid;
    const fraction = at - below;
    reads.push({
      low: below,
      shares: [inside(below) ? 1 - fraction : 0, inside(below + 1) ? fraction : 0],
    });
  }
  return { first, reads };
}

/** Calls `take` for each pixel that a grid of probabilities over a box reaches. */
function eachPixel(
  grid: ArrayLike<number>,
  side: number,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  [height, width]: ImageSize,
  take: (pixel: number, value: number) => void,
): void {
  const rows = axisReads(y1, y2, side, height);
  const columns = axisReads(x1, x2, side, width);
  const value = (row: number, column: number) => grid[row * side + column] as number;
  for (const [y, row] of rows.reads.entries()) {
    for (const [x, column] of columns.reads.entries()) {
      let sum = 0;
      for (const i of [0, 1] as const) {
        for (const j of [0, 1] as const) {
          const share = row.shares[i] * column.shares[j];
          if (share > 0) sum += share * value(row.low + i, column.low + j);
        }
      }
      take((rows.first + y) * width + columns.first + x, sum);
    }
  }
}

function checkGrid(grid: ArrayLike<number>, side: number, box: BoxList, size: ImageSize): void {
  const owner = 'pasteMask';
  requireInteger(owner, 'side', side, 1);
  requireArgument(owner, 'grid', grid, grid?.length === side * side, `${side * side} numbers`);
  requireBoxes(owner, 'box', box);
  for (const [i, length] of size.entries()) requireInteger(owner, `size[${i}]`, length, 1);
}

/**
 * Probabilities of a box in the whole image, as mmdetection's `paste_masks` gives them: each pixel reads the
 * grid between the centres of its cells (bilinear), zeros around it. A box without width or height has none.
 * In double precision.
 *
 * @param grid `[side, side]`
 * @param box `x1, y1, x2, y2` in pixels of the image
 * @returns `[height, width]`
 * @throws {Error} when sizes do not fit, or the box is not finite
 */
export function pasteMask(
  grid: ArrayLike<number>,
  side: number,
  box: BoxList,
  size: ImageSize,
): Float32Array {
  checkGrid(grid, side, box, size);
  const pixels = new Float32Array(size[0] * size[1]);
  eachPixel(grid, side, boxAt(box, 0), size, (pixel, value) => {
    pixels[pixel] = value;
  });
  return pixels;
}

/** `pasteMask`, as 1 where the probability is at least `threshold`, else 0. */
export function pasteBinaryMask(
  grid: ArrayLike<number>,
  side: number,
  box: BoxList,
  size: ImageSize,
  threshold: number,
): Uint8Array {
  checkGrid(grid, side, box, size);
  const pixels = new Uint8Array(size[0] * size[1]);
  if (threshold <= 0) pixels.fill(1);
  eachPixel(grid, side, boxAt(box, 0), size, (pixel, value) => {
    pixels[pixel] = value >= threshold ? 1 : 0;
  });
  return pixels;
}
