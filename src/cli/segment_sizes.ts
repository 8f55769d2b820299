/** How large a picture may be for `segment`: its logits take memory for every class of every pixel. */
import { described, type Segmentation } from '../models/segment';
import type { SegmentOptions } from '../models/segment_options';
import { rescaledSize, type Size } from '../preprocessing/rescaled_size';

/** Most bytes that the logits of one size may take; a few copies of them are there at a time. */
const MOST_BYTES = 2 ** 30;

const bytesOf = ([height, width]: Size, classes: number) => 4 * height * width * classes;

/**
 * Asserts that the logits of a picture fit, at the largest size that it is looked at.
 *
 * @throws {Error} when they do not
 */
export function requireFitting(
  size: Size,
  classes: number,
  {
    scales = [1],
    shortSide = null,
  }: Pick<SegmentOptions, 'scales'> & { shortSide?: number | null },
  most = MOST_BYTES,
): void {
  const largest = rescaledSize(Math.max(...scales), size, shortSide);
  if (bytesOf(largest, classes) <= most) return;
  throw new Error(
    `the logits of ${classes} classes for ${largest[1]} x ${largest[0]} pixels would take ` +
      `${(bytesOf(largest, classes) / 1e9).toFixed(1)} GB, and ${(most / 1e9).toFixed(1)} GB are the most; give a ` +
      'smaller --short-side, to which pictures are resized, or smaller --scales',
  );
}

/**
 * The size of the class map: the picture's, or the largest of its shape whose logits fit.
 *
 * @param isSeveral whether several passes are averaged, which takes one more copy of them
 */
export function mapSize(
  [height, width]: Size,
  classes: number,
  isSeveral: boolean,
  most = MOST_BYTES,
): Size {
  const pixels = most / bytesOf([1, 1], classes) / (isSeveral ? 2 : 1);
  const factor = Math.sqrt(pixels / (height * width));
  if (factor >= 1) return [height, width];
  // Of a picture of one row the other side is what there is room for.
  const side = (length: number) => Math.max(1, Math.floor(Math.min(length * factor, pixels)));
  return [side(height), side(width)];
}

/** A segmentation in another size: each pixel has the class of the nearest one. */
export function inSize(segmentation: Segmentation, [height, width]: Size): Segmentation {
  const { width: w, height: h, map, classes, palette } = segmentation;
  if (h === height && w === width) return segmentation;
  const column = Int32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * w) / width));
  const values = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const row = w * Math.floor(((y + 0.5) * h) / height);
    for (let x = 0; x < width; x++) {
      values[y * width + x] = map[row + (column[x] as number)] as number;
    }
  }
  return described(values, [height, width], { classes, palette });
}
