/** Intersection over union of boxes and of masks, in double precision, as pycocotools computes them. */
import { type CocoBox, commonArea, type Runs } from './runs';

/** What is compared: boxes by `box`, masks by `runs`, whose box and area are known beforehand. */
export interface Region {
  readonly box: CocoBox;
}

/** A mask with its box and area. */
export interface MaskRegion extends Region {
  readonly runs: Runs;
  readonly area: number;
}

/**
 * Overlaps of boxes `[x, y, width, height]`.
 *
 * @param isCrowd whether one of `others` is a crowd: then the intersection is divided by the box's own area
 * @returns a row for each of `boxes`
 */
export function boxOverlaps(
  boxes: readonly Region[],
  others: readonly Region[],
  isCrowd: (other: number) => boolean,
): number[][] {
  return boxes.map(({ box }) =>
    others.map((other, i) => {
      const common = commonBox(box, other.box);
      if (common === 0) return 0;
      const own = box[2] * box[3];
      return common / (isCrowd(i) ? own : own + other.box[2] * other.box[3] - common);
    }),
  );
}

/** Overlaps of masks of one size, as `boxOverlaps`. */
export function maskOverlaps(
  masks: readonly MaskRegion[],
  others: readonly MaskRegion[],
  isCrowd: (other: number) => boolean,
): number[][] {
  return masks.map((mask) =>
    others.map((other, i) => {
      // Most pairs lie apart, which their boxes tell at once.
      const common = commonBox(mask.box, other.box) > 0 ? commonArea(mask.runs, other.runs) : 0;
      if (common === 0) return 0;
      return common / (isCrowd(i) ? mask.area : mask.area + other.area - common);
    }),
  );
}

function commonBox(a: CocoBox, b: CocoBox): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : width * height;
}
