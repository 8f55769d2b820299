/** What is done with masks in COCO's forms: pycocotools' `mask` module without tensors. */
import { requireArgument, requireList, requireOneOf } from '../common/arguments';
import { requireBytes } from '../preprocessing/image';
import { maskOverlaps, type MaskRegion } from './overlaps';
import { runsOfPolygon } from './polygon';
import {
  type BinaryMask,
  packRuns,
  readRunLengths,
  requireMaskSize,
  requirePolygons,
  type RunLengths,
} from './run_lengths';
import {
  type Combination,
  combineRuns,
  pixelsOfRuns,
  type Runs,
  runsArea,
  runsBox,
  runsOfPixels,
} from './runs';

/**
 * Encodes a mask.
 *
 * @returns run lengths as text
 * @throws {Error} when it is no mask of bytes
 *
 * @example
 * const { size, counts } = encodeMask({ width: 2, height: 1, data: Uint8Array.of(0, 1) });
 */
export function encodeMask(mask: BinaryMask): RunLengths {
  const { width, height, data } = (mask ?? {}) as Partial<BinaryMask>;
  requireArgument('encodeMask', 'mask', mask, data !== undefined, '{ width, height, data }');
  const [rows, columns] = requireMaskSize('encodeMask', 'the size', [height, width]);
  requireBytes(data);
  const { length } = data as Uint8Array;
  const fits = length === rows * columns;
  requireArgument('encodeMask', 'the length of data', length, fits, `${rows * columns} bytes`);
  return packRuns(runsOfPixels(rows, columns, data as Uint8Array));
}

/**
 * Decodes a mask.
 *
 * @returns bytes of 0 and 1
 * @throws {Error} when the run lengths are malformed or do not add up to their size
 */
export function decodeMask(mask: RunLengths): BinaryMask {
  const runs = readRunLengths('decodeMask', 'mask', mask);
  return { width: runs.width, height: runs.height, data: pixelsOfRuns(runs) };
}

/**
 * The pixels that are set.
 *
 * @throws {Error} as `decodeMask`
 */
export function maskArea(mask: RunLengths): number {
  return runsArea(readRunLengths('maskArea', 'mask', mask));
}

/**
 * The smallest box around what is set.
 *
 * @returns `[x, y, width, height]` in pixels; of an empty mask `[0, 0, 0, 0]`
 * @throws {Error} as `decodeMask`
 */
export function maskBox(mask: RunLengths): [number, number, number, number] {
  return [...runsBox(readRunLengths('maskBox', 'mask', mask))];
}

/**
 * The union or the intersection of masks.
 *
 * @param masks one or more, of one size
 * @returns run lengths as text
 * @throws {Error} when there is none, one is malformed, or their sizes differ
 */
export function mergeMasks(
  masks: readonly RunLengths[],
  combination: Combination = 'union',
): RunLengths {
  requireList('mergeMasks', 'masks', masks, 'run lengths');
  requireOneOf('mergeMasks', 'combination', combination, ['union', 'intersection']);
  requireArgument('mergeMasks', 'masks', masks, masks.length > 0, 'one mask or more');
  const all = masks.map((mask, i) => readRunLengths('mergeMasks', `mask ${i}`, mask));
  requireOneSize('mergeMasks', all);
  return packRuns(all.reduce((merged, runs) => combineRuns(merged, runs, combination)));
}

/**
 * Makes a mask of polygons, of which the union is meant, to the pixel as pycocotools: corners are rounded to
 * fifths of a pixel, and a pixel is set where its middle lies inside, roughly.
 *
 * @param polygons each `[x, y, x, y, ...]` in pixels, where (0, 0) is the corner of the picture; what lies
 *   outside of it is cut off
 * @param size `[height, width]` of the picture
 * @returns run lengths as text; of a polygon without inside an empty mask
 * @throws {Error} when there is no polygon, or one has less than three corners or a coordinate that is no number
 */
export function polygonMask(
  polygons: readonly (readonly number[])[],
  size: readonly [height: number, width: number],
): RunLengths {
  const [height, width] = requireMaskSize('polygonMask', 'size', size);
  requirePolygons('polygonMask', 'polygons', polygons);
  return packRuns(runsOfPolygon(height, width, polygons));
}

/**
 * Intersection over union of each mask with each of some others.
 *
 * @param crowds which of `others` are crowds, in which any part counts as a whole: the intersection is divided by
 *   the mask's own area. Default: none
 * @returns a list for each mask, with a number in 0..1 for each of `others`; 0 where nothing is common
 * @throws {Error} when a mask is malformed, or sizes differ
 */
export function maskIoU(
  masks: readonly RunLengths[],
  others: readonly RunLengths[],
  crowds: readonly boolean[] = [],
): number[][] {
  for (const [name, list] of Object.entries({ masks, others, crowds })) {
    requireList('maskIoU', name, list, name === 'crowds' ? 'booleans' : 'run lengths');
  }
  const [first, second] = [masks, others].map((list, which) =>
    list.map((mask, i) => {
      const runs = readRunLengths('maskIoU', `mask ${i} of ${which ? 'others' : 'masks'}`, mask);
      return { runs, box: runsBox(runs), area: runsArea(runs) };
    }),
  ) as [MaskRegion[], MaskRegion[]];
  requireOneSize(
    'maskIoU',
    [...first, ...second].map(({ runs }) => runs),
  );
  return maskOverlaps(first, second, (i) => Boolean(crowds[i]));
}

function requireOneSize(owner: string, masks: readonly Runs[]): void {
  const sizes = masks.map(({ width, height }) => `${width} x ${height}`);
  const other = sizes.find((size) => size !== sizes[0]);
  if (other === undefined) return;
  throw new Error(`${owner}: masks are of ${sizes[0]} and of ${other} pixels; expected one size`);
}
