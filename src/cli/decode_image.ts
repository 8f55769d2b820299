/** JPEG and PNG files to pixels. */
import { readFile } from 'node:fs/promises';

import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';

import type { PixelImage } from '../preprocessing/image';

/** Largest JPEG that is decoded, in megapixels. */
const MAX_MEGAPIXELS = 200;
/** Memory that one JPEG may take while it is decoded, in MB. */
const MAX_DECODING_MB = 2048;

function isPng(bytes: Uint8Array): boolean {
  return bytes.length > 8 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).equals(PNG_SIGNATURE);
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

function isJpeg(bytes: Uint8Array): boolean {
  return bytes.length > 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/**
 * Decodes an image file, told apart by content. An orientation tag (EXIF) is not applied: the
 * published evaluation does not apply it either.
 *
 * @param file used in messages
 * @throws Error when the bytes are neither JPEG nor PNG, or are damaged
 */
export function decodeImage(bytes: Uint8Array, file: string): PixelImage {
  const decode = isPng(bytes) ? decodePng : isJpeg(bytes) ? decodeJpeg : undefined;
  if (!decode) throw new Error(`${file}: neither JPEG nor PNG; convert it to one of them`);
  try {
    return decode(bytes);
  } catch (error) {
    throw new Error(`${file}: cannot be decoded: ${(error as Error).message}`, { cause: error });
  }
}

function decodePng(bytes: Uint8Array): PixelImage {
  // Sixteen-bit and palette images come out as 8-bit RGBA too.
  const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
  return { width, height, data };
}

function decodeJpeg(bytes: Uint8Array): PixelImage {
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    maxResolutionInMP: MAX_MEGAPIXELS,
    maxMemoryUsageInMB: MAX_DECODING_MB,
  });
  return { width, height, data };
}

/** Reads and decodes an image file. */
export async function readImage(file: string): Promise<PixelImage> {
  return decodeImage(await readFile(file), file);
}
