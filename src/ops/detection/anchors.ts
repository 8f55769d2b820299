/** Anchors: the boxes that a region proposal network begins from. */
import { requireInteger, requireList, requireRanges } from '../../common/arguments';
import type { ImageSize } from './box_list';

/** Sizes and shapes of the anchors at each place. */
export interface AnchorShapes {
  /** Sides over the stride of the level, each above 0. Published: [8]. */
  scales: readonly number[];
  /** Heights over widths, each above 0. Published: [0.5, 1, 2]. */
  ratios: readonly number[];
}

/** Asserts shapes of anchors. */
export function requireAnchors(owner: string, { scales, ratios }: AnchorShapes): void {
  for (const [name, list] of Object.entries({ scales, ratios })) {
    requireList(owner, name, list, 'numbers above 0');
    if (list.length === 0)
      throw new Error(`${owner}: ${name} is empty; expected at least one number`);
    requireRanges(
      owner,
      list.map(
        (value: number, i: number) => [`${name}[${i}]`, value, value > 0, 'above 0'] as const,
      ),
    );
  }
}

/**
 * Anchors around the origin, by ratio, then by scale: of a stride `s`, scale `a` and ratio `r`, `s a / sqrt(r)`
 * wide and `s a sqrt(r)` high.
 *
 * @returns boxes in pixels, in double precision
 */
function anchorsAround(stride: number, { scales, ratios }: AnchorShapes): number[][] {
  return ratios.flatMap((ratio) =>
    scales.map((scale) => {
      const half = [
        (stride * scale) / Math.sqrt(ratio) / 2,
        (stride * scale * Math.sqrt(ratio)) / 2,
      ];
      const [w, h] = half as [number, number];
      return [-w, -h, w, h];
    }),
  );
}

/**
 * The anchors of every place of a level, row by row, then by column, then by ratio and scale, as
 * mmdetection's `AnchorGenerator` has them: the place in column `i` of row `j` is at `(i s, j s)`, without a
 * shift by half a pixel and without rounding.
 *
 * @param size height and width of the level's map
 * @param stride pixels of the image from one place to the next
 * @returns `height * width * ratios * scales` boxes in pixels
 * @throws {Error} when a size is no integer from 0 or a number is not above 0
 */
export function gridAnchors(size: ImageSize, stride: number, shapes: AnchorShapes): Float32Array {
  const owner = 'gridAnchors';
  const [height, width] = size;
  requireInteger(owner, 'height', height, 0);
  requireInteger(owner, 'width', width, 0);
  requireRanges(owner, [['stride', stride, stride > 0, 'above 0']]);
  requireAnchors(owner, shapes);
  const around = anchorsAround(stride, shapes);
  const boxes = new Float32Array(4 * height * width * around.length);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (const anchor of around) {
        for (let k = 0; k < 4; k++) {
          boxes[at++] = (anchor[k] as number) + stride * (k % 2 === 0 ? column : row);
        }
      }
    }
  }
  return boxes;
}
