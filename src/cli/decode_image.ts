/** JPEG and PNG files to pixels. */
import { readFile } from 'node:fs/promises';
import { JPG } from 'image-size/types/jpg';
import { PNG as PNG_HEADER } from 'image-size/types/png';
import { PNG } from 'pngjs';

import type { PixelImage } from '../preprocessing/image';

/** Largest image that is decoded, in pixels: a header of a few bytes can claim any size. */
const MAX_PIXELS = 200e6;

interface Format {
  is(bytes: Uint8Array): boolean;
  /** Reads the size off the header. */
  size(bytes: Uint8Array): { width: number; height: number };
  decode(bytes: Uint8Array): PixelImage | Promise<PixelImage>;
}

const FORMATS: readonly Format[] = [
  {
    is: (bytes) => startsWith(bytes, [0x89, 0x50, 0x4e, 0x47]),
    size: PNG_HEADER.calculate,
    decode: decodePng,
  },
  {
    is: (bytes) => startsWith(bytes, [0xff, 0xd8, 0xff]),
    size: JPG.calculate,
    decode: decodeJpeg,
  },
];

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return bytes.length > 8 && signature.every((byte, i) => bytes[i] === byte);
}

/**
 * Decodes an image file, told apart by content, to the very pixels that Pillow reads. An orientation
 * tag (EXIF) is not applied: the published evaluation does not apply it either.
 *
 * @param file used in messages
 * @throws Error when the bytes are neither JPEG nor PNG, are damaged or cut short, or hold more than
 * 200 megapixels
 */
export async function decodeImage(bytes: Uint8Array, file: string): Promise<PixelImage> {
  const format = FORMATS.find(({ is }) => is(bytes));
  if (!format) throw new Error(`${file}: neither JPEG nor PNG; convert it to one of them`);
  try {
    const { width, height } = format.size(bytes);
    if (width * height > MAX_PIXELS) {
      throw new Error(`${width} x ${height} pixels are more than ${MAX_PIXELS / 1e6} million`);
    }
    return await format.decode(bytes);
  } catch (error) {
    throw new Error(`${file}: cannot be decoded: ${(error as Error).message}`, { cause: error });
  }
}

function decodePng(bytes: Uint8Array): PixelImage {
  // Sixteen-bit and palette images come out as 8-bit RGBA too.
  const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
  return { width, height, data };
}

/**
 * With mozjpeg, whose decoder is that of libjpeg-turbo, as Pillow's: other decoders round, and double
 * halved chroma, in other ways, and the pixels differ by up to 13 of 255.
 */
async function decodeJpeg(bytes: Uint8Array): Promise<PixelImage> {
  const [{ default: decode, init }, { default: wasmBinary }] = await Promise.all([
    import('@jsquash/jpeg/decode'),
    import('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'),
  ]);
  // A fresh instance each time: after a failure the last one is in no state to go on.
  const complaints: string[] = [];
  const printErr = (text: string) => void complaints.push(text);
  const settings = { noInitialRun: true, wasmBinary, printErr };
  await init(settings);
  // What is missing from a cut file it would paint grey, with no more than a complaint.
  const fail = (cause?: unknown) => new Error(complaints.join('; ') || 'damaged', { cause });
  const image = await decode(Uint8Array.from(bytes).buffer).catch((error: unknown) => {
    throw fail(error);
  });
  if (complaints.length > 0) throw fail();
  return { width: image.width, height: image.height, data: image.data };
}

/** Reads and decodes an image file. */
export async function readImage(file: string): Promise<PixelImage> {
  return decodeImage(await readFile(file), file);
}
