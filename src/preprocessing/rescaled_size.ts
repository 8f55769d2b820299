/** The size that an image is resized to with its aspect ratio kept. */

/** Height and width. */
export type Size = readonly [height: number, width: number];

/** Longest side over the shorter one that an image is resized to: 2048 by 512, 2560 by 640. */
const LONGEST = 4;

/**
 * The size that an image is resized to, as mmcv's `imrescale` rounds it.
 *
 * @param scale factor on `shortSide`, or on the image's own size where there is none
 * @param shortSide what the shorter side becomes, unless the longer one would be over 4 times that; then it is
 */
export function rescaledSize(scale: number, [height, width]: Size, shortSide: number | null): Size {
  const short = shortSide === null ? null : Math.trunc(shortSide * scale);
  const long = shortSide === null ? null : Math.trunc(LONGEST * shortSide * scale);
  const factor =
    short === null || long === null
      ? scale
      : Math.min(long / Math.max(height, width), short / Math.min(height, width));
  const side = (length: number) => Math.max(1, Math.floor(length * factor + 0.5));
  return [side(height), side(width)];
}
