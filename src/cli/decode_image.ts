/** JPEG and PNG files to pixels. */
import { PNG } from 'pngjs';

import { messageOf } from '../common/messages';
import type { PixelImage } from '../preprocessing/image';
import { mergeCmyk, splitCmyk } from './cmyk_jpeg';
import { checkJpeg, isJpeg } from './jpeg_file';
import { checkPng, isPng } from './png_file';

/**
 * Checks an image file, told apart by content, without decoding it: what is left to go wrong is
 * damage inside of compressed data.
 *
 * @param file used in messages
 * @throws {Error} as `decodeImage`
 */
export function checkImage(bytes: Uint8Array, file: string): Promise<void> {
  return naming(bytes, file, async () => {
    if (isPng(bytes)) await checkPng(bytes);
    else checkJpeg(bytes);
  });
}

/**
 * Decodes an image file, told apart by content, to the very pixels that Pillow's `convert('RGB')` gives.
 * An orientation tag (EXIF) is not applied: the published evaluation does not apply it either.
 *
 * @param file used in messages
 * @param warn told where the pixels are Pillow's and yet hardly what anyone wants
 * @throws {Error} when the bytes are neither JPEG nor PNG, are damaged or cut short, or hold more than
 * 200 megapixels, a side of more than a million pixels, or other data than the header says
 */
export function decodeImage(
  bytes: Uint8Array,
  file: string,
  warn: (message: string) => void = () => undefined,
): Promise<PixelImage> {
  const tell = (message: string) => warn(`${file}: ${message}`);
  return naming(bytes, file, () => (isPng(bytes) ? decodePng(bytes, tell) : decodeJpeg(bytes)));
}

/** Works on an image file; errors name it. */
async function naming<T>(bytes: Uint8Array, file: string, work: () => Promise<T>): Promise<T> {
  if (!isPng(bytes) && !isJpeg(bytes)) {
    throw new Error(`${file}: neither JPEG nor PNG; convert it to one of them`);
  }
  try {
    return await work();
  } catch (error) {
    throw new Error(`${file}: cannot be decoded: ${messageOf(error)}`, { cause: error });
  }
}

async function decodePng(bytes: Uint8Array, warn: (message: string) => void): Promise<PixelImage> {
  const { header, pieces } = await checkPng(bytes);
  const isDeep = header.depth === 16;
  // What is left out of the types: with it, samples of 16 bits stay as they are, in a Uint16Array.
  const options = { skipRescale: isDeep };
  const { width, height, data } = PNG.sync.read(Buffer.concat(pieces), options);
  if (!isDeep) return { width, height, data };
  const samples = data as unknown as Uint16Array;
  // Of grey pixels Pillow cuts off what is above 255; of all others it takes the upper byte.
  const isCutOff = header.colour === 0;
  if (isCutOff && samples.some((sample, i) => i % 4 < 3 && sample > 255)) {
    warn(
      "16-bit grey; what is brighter than 255 of 65535 becomes white, as with Pillow's " +
        "convert('RGB'), by which the weights were evaluated; save it with 8 bits to keep its shades",
    );
  }
  const pixels = Uint8ClampedArray.from(samples, (sample) => (isCutOff ? sample : sample >> 8));
  return { width, height, data: pixels };
}

/** The codec's factory; its own types name a namespace that its package does not bring into scope. */
type CreateDecoder = (settings: object) => Promise<{
  /** With `turned`, applies the orientation tag (EXIF). */
  decode(bytes: ArrayBuffer, turned: boolean): PixelImage | null;
}>;

/** CMYK by its parts: the codec gives nothing but RGB. */
async function decodeJpeg(bytes: Uint8Array): Promise<PixelImage> {
  const frame = checkJpeg(bytes);
  if (frame.components.length !== 4) return decodeRgbJpeg(bytes);
  const { colours, black, isYcck } = splitCmyk(bytes, frame);
  const image = await decodeRgbJpeg(colours);
  mergeCmyk(image.data, (await decodeRgbJpeg(black)).data, isYcck);
  return image;
}

/**
 * With mozjpeg, whose decoder is that of libjpeg-turbo, as Pillow's: other decoders round, and double
 * halved chroma, in other ways, and the pixels differ by up to 13 of 255.
 */
async function decodeRgbJpeg(bytes: Uint8Array): Promise<PixelImage> {
  // Not through the package's own door, which keeps one decoder for all: each image gets its own, so
  // that complaints go with the image, and what a failure leaves behind ends with it.
  const [{ default: createDecoder }, { default: wasmBinary }] = await Promise.all([
    import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js'),
    import('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'),
  ]);
  const complaints: string[] = [];
  const printErr = (text: string) => void complaints.push(text);
  // What is missing from a cut file it would paint grey, with no more than a complaint.
  const fail = (cause?: unknown) => new Error(complaints.join('; ') || 'damaged', { cause });
  try {
    const settings = { noInitialRun: true, wasmBinary, printErr };
    const decoder = await (createDecoder as unknown as CreateDecoder)(settings);
    const image = decoder.decode(Uint8Array.from(bytes).buffer, false);
    if (!image || complaints.length > 0) throw fail();
    return { width: image.width, height: image.height, data: image.data };
  } catch (error) {
    throw fail(error);
  }
}
