/** Mirror images. */
import type { RgbImage } from '../preprocessing/image';

/** Left and right change places. */
export function flipHorizontally({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  const stride = 3 * width;
  for (let row = 0; row < data.length; row += stride) {
    for (let from = row, to = row + stride - 3; from < row + stride; from += 3, to -= 3) {
      flipped[to] = data[from] as number;
      flipped[to + 1] = data[from + 1] as number;
      flipped[to + 2] = data[from + 2] as number;
    }
  }
  return { width, height, data: flipped };
}

/** Top and bottom change places. */
export function flipVertically({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  const stride = 3 * width;
  for (let row = 0; row < data.length; row += stride) {
    flipped.set(data.subarray(row, row + stride), data.length - stride - row);
  }
  return { width, height, data: flipped };
}
