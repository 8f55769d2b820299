/** Pixels that functions give back. */
import type { PixelImage, RgbImage } from '../preprocessing/image';

/** A result whose pixels are not the memory of what was given. */
export function ownPixels(result: RgbImage, given: PixelImage): RgbImage {
  const isShared = result.data.buffer === given.data.buffer;
  return isShared ? { ...result, data: result.data.slice() } : result;
}
