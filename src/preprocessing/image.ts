/** Images as plain pixel arrays. */

import { shown } from '../common/arguments';

/** Pixels row by row from the top left, 3 (RGB) or 4 (RGBA) bytes each. `ImageData` is one. */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** An image of 3 bytes per pixel. */
export interface RgbImage extends PixelImage {
  readonly data: Uint8Array;
}

/**
 * Drops the alpha channel, as PIL's `convert('RGB')` does: transparent pixels keep their colour.
 *
 * @throws {Error} when the length of `data` fits neither RGB nor RGBA
 */
export function toRgb(image: PixelImage): RgbImage {
  if (!ArrayBuffer.isView(image?.data)) {
    throw new Error(
      `image: ${shown(image)} given; expected { width, height, data } with 3 or 4 bytes per pixel, such ` +
        `as ImageData or readPixels(image) gives`,
    );
  }
  const { width, height, data } = image;
  const pixels = width * height;
  if (!Number.isInteger(width) || !Number.isInteger(height) || pixels <= 0) {
    throw new Error(`image: width and height must be positive integers, got ${width} x ${height}`);
  }
  if (data.length === 3 * pixels) {
    return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  }
  if (data.length !== 4 * pixels) {
    throw new Error(
      `image: ${width} x ${height} pixels need ${3 * pixels} bytes (RGB) or ${4 * pixels} (RGBA), ` +
        `got ${data.length}`,
    );
  }
  const rgb = new Uint8Array(3 * pixels);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from] as number;
    rgb[to + 1] = data[from + 1] as number;
    rgb[to + 2] = data[from + 2] as number;
  }
  return { width, height, data: rgb };
}
