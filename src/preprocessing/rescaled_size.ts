/** The size that an image is resized to with its aspect ratio kept. */

/** Height and width. */
export type Size = readonly [height: number, width: number];

/** Longest side over the shorter one that an image is resized to: 2048 by 512, 2560 by 640. */
const LONGEST = 4;

function scaledBy(factor: number, [height, width]: Size): Size {
  const side = (length: number) => Math.max(1, Math.floor(length * factor + 0.5));
  return [side(height), side(width)];
}

/** The largest size within a shorter and a longer side, as mmcv's `imrescale` rounds it. */
export function fittedSize([height, width]: Size, shortSide: number, longSide: number): Size {
  const [longest, shortest] = [Math.max(height, width), Math.min(height, width)];
  return scaledBy(Math.min(longSide / longest, shortSide / shortest), [height, width]);
}

/**
 * The size that an image is resized to, as mmcv's `imrescale` rounds it.
 *
 * @param scale factor on `shortSide`, or on the image's own size where there is none
 * @param shortSide what the shorter side becomes, unless the longer one would be over 4 times that; then it is
 */
export function rescaledSize(scale: number, size: Size, shortSide: number | null): Size {
  if (shortSide === null) return scaledBy(scale, size);
  const long = Math.trunc(LONGEST * shortSide * scale);
  return fittedSize(size, Math.trunc(shortSide * scale), long);
}
