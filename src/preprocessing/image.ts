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

/** What to do instead, by the kind of numbers. */
const ADVICE: readonly [kinds: RegExp, advice: string][] = [
  [/^Float/, 'make bytes of values in 0..1 by Uint8ClampedArray.from(data, (v) => 255 * v)'],
  [/^Uint16/, 'make bytes of 16-bit values by Uint8ClampedArray.from(data, (v) => v / 257)'],
  [/^(Int|Uint32)/, 'make bytes of values in 0..255 by Uint8ClampedArray.from(data)'],
  [/^(ArrayBuffer|SharedArrayBuffer|DataView)/, 'make bytes of a buffer by new Uint8Array(buffer)'],
  [/^Array/, 'make bytes of a list of values in 0..255 by Uint8ClampedArray.from(data)'],
];

/**
 * Asserts that pixels are bytes: of other numbers, the raw memory would be taken for pixels.
 *
 * @throws {Error} when they are no Uint8Array (a Buffer is one) or Uint8ClampedArray
 */
export function requireBytes(data: unknown): void {
  // Of whatever realm they come from.
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (kind === 'Uint8Array' || kind === 'Uint8ClampedArray') return;
  const advice = ADVICE.find(([kinds]) => kinds.test(kind))?.[1];
  throw new Error(
    `image: data is ${Array.isArray(data) ? 'a list' : shown(data)}; expected bytes in 0..255, a ` +
      `Uint8Array, Uint8ClampedArray or Buffer${advice ? `; ${advice}` : ''}`,
  );
}

/**
 * Drops the alpha channel, as PIL's `convert('RGB')` does: transparent pixels keep their colour.
 *
 * @throws {Error} when `data` are no bytes, or their number fits neither RGB nor RGBA
 */
export function toRgb(image: PixelImage): RgbImage {
  const given: Partial<PixelImage> | null | undefined = image;
  if (given?.data == null || 'dataId' in given) {
    throw new Error(
      `image: ${shown(image)} given; expected { width, height, data } with 3 or 4 bytes per pixel, such ` +
        `as ImageData or readPixels(image) gives`,
    );
  }
  const { width, height, data } = image;
  requireBytes(data);
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
