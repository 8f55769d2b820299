/** What is marked in a picture, as detectors learn it. */
import { requireArgument, shown } from '../common/arguments';
import type { RunLengths } from './run_lengths';

/** The objects that are marked in a picture. */
export interface PictureObjects {
  /** Of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  /**
   * `[objects, 4]` row by row: left, top, right, bottom in pixels, where (0, 0) is the corner of the picture.
   * They may reach beyond it, but not lie outside.
   */
  readonly boxes: Float32Array;
  /** Class of each, from 0. */
  readonly labels: Int32Array;
  /** Mask of each, of the size of the picture; undefined where the source has none. It may be empty. */
  readonly masks?: readonly RunLengths[];
  /** Boxes around what is marked as a crowd, as `boxes`: nothing to learn there, in either way. */
  readonly crowds: Float32Array;
}

/**
 * Asserts that there are lists of boxes and labels, whatever is in them.
 *
 * @throws {Error} when there are not
 */
export function requireMarked(owner: string, objects: unknown): asserts objects is PictureObjects {
  const { boxes, labels } = (objects ?? {}) as Partial<PictureObjects>;
  const isList = (value: unknown) => ArrayBuffer.isView(value) || Array.isArray(value);
  const expected =
    '{ width, height, boxes, labels, masks, crowds }, as a source of objects gives them';
  requireArgument(owner, 'objects', objects, isList(boxes) && isList(labels), expected);
}

/**
 * Asserts boxes of objects and crowds as they were marked, before anything moves or rounds them.
 *
 * @throws {Error} when a number of one is not finite, or not left < right and top < bottom
 */
export function requireCorners(
  owner: string,
  { boxes, crowds }: Pick<PictureObjects, 'boxes' | 'crowds'>,
): void {
  for (const [what, list] of [
    ['object', boxes],
    ['crowd', crowds],
  ] as const) {
    for (let i = 0; 4 * i < list.length; i++) {
      const box = Array.from({ length: 4 }, (_, k) => list[4 * i + k] as number);
      const [x1, y1, x2, y2] = box as [number, number, number, number];
      if (x2 > x1 && y2 > y1 && box.every(Number.isFinite)) continue;
      throw new Error(
        `${owner}: ${what} ${i}: the box [x1, y1, x2, y2] is ${shown(box)}; expected finite numbers, x1 < x2 and ` +
          'y1 < y2, corners and not [x, y, width, height]; leave objects without area out',
      );
    }
  }
}
