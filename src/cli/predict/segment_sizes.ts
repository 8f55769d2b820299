/** How large a picture may be for `segment`. */
import type { SegmentOptions } from '../../models/segment_options';
import { rescaledSize, type Size } from '../../preprocessing/rescaled_size';

/** Most bytes that logits of all classes may take together, at the largest size that a picture is looked at. */
const MOST_BYTES = 2 ** 30;

/** By what a picture is looked at. */
type Looking = Pick<SegmentOptions, 'mode' | 'scales' | 'flip' | 'inputSize'> & {
  shortSide?: number | null;
};

/**
 * Asserts that a picture can be looked at. As a whole a network takes some multiple of what the logits of all its pixels
 * would; of windows the logits of a row of them are there, for each scale.
 *
 * @throws {Error} when it would take too much
 */
export function requireFitting(
  size: Size,
  classes: number,
  { mode, scales = [1], flip = false, inputSize: window = [512, 512], shortSide = null }: Looking,
  most = MOST_BYTES,
): void {
  const bytesOf = ([height, width]: Size) => 4 * height * width * classes;
  const sizes = scales.map((scale) => rescaledSize(scale, size, shortSide));
  const [height, width] = rescaledSize(Math.max(...scales), size, shortSide);
  const smaller = 'a smaller --short-side, to which pictures are resized, or smaller --scales';
  if (mode !== 'slide') {
    const bytes = bytesOf([height, width]);
    if (bytes <= most) return;
    throw new Error(
      `the logits of ${classes} classes for ${width} x ${height} pixels at once would take ${gigabytes(bytes)}, and ` +
        `${gigabytes(most)} are the most; give --mode slide, ${smaller}`,
    );
  }
  const rows = sizes.map(([h, w]): Size => [Math.min(h, window[0]), w]);
  const bytes = (flip ? 2 : 1) * rows.reduce((sum, one) => sum + bytesOf(one), 0);
  if (bytes <= most) return;
  throw new Error(
    `the logits of ${classes} classes for a row of windows over ${width} x ${height} pixels would take ` +
      `${gigabytes(bytes)}${rows.length > 1 || flip ? ', all scales together' : ''}, and ${gigabytes(most)} are the ` +
      `most; give a smaller --window, ${smaller}`,
  );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
