/** What is marked in a picture, as detectors learn it. */
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
