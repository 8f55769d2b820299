/** JPEG, PNG and WebP files to pixels. */
import { PNG } from 'pngjs';

import { messageOf } from '../common/messages';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { mergeCmyk, splitCmyk } from './cmyk_jpeg';
import { decodeWithLibwebp, decodeWithMozjpeg } from './codecs';
import { checkJpeg, isJpeg, jpegExif } from './jpeg_file';
import { orientationOf, upright } from './orientation';
import { checkPng, isPng, type PngParts } from './png_file';
import { checkWebp, isWebp } from './webp_file';

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
    else if (isWebp(bytes)) checkWebp(bytes);
    else checkJpeg(bytes);
  });
}

/**
 * Decodes an image file, told apart by content, to the very pixels that Pillow's `convert('RGB')` gives.
 * An orientation tag (EXIF) is not applied: the published evaluation does not apply it either.
 *
 * @param file used in messages
 * @param warn told where the pixels are Pillow's and yet hardly what anyone wants
 * @throws {Error} when the bytes are neither JPEG, PNG nor WebP, are damaged or cut short, are animated, or
 * hold more than 200 megapixels, a side of more than a million pixels, or other data than the header says
 */
export function decodeImage(
  bytes: Uint8Array,
  file: string,
  warn: (message: string) => void = () => undefined,
): Promise<PixelImage> {
  return naming(bytes, file, async () => {
    if (isWebp(bytes)) return decodeWebp(bytes);
    if (!isPng(bytes)) return decodeJpeg(bytes);
    const parts = await checkPng(bytes);
    const { data, ...size } = readPng(parts);
    if (!(data instanceof Uint16Array)) return { ...size, data };
    // Of grey pixels Pillow cuts off what is above 255; of all others it takes the upper byte.
    const isCutOff = parts.header.colour === 0;
    if (isCutOff && data.some((sample, i) => i % 4 < 3 && sample > 255)) {
      warn(
        `${file}: 16-bit grey; what is brighter than 255 of 65535 becomes white, as with Pillow's ` +
          "convert('RGB'), by which the weights were evaluated; save it with 8 bits to keep its shades",
      );
    }
    const pixels = Uint8ClampedArray.from(data, (sample) => (isCutOff ? sample : sample >> 8));
    return { ...size, data: pixels };
  });
}

/**
 * Decodes an image file as it is shown: upright, by its orientation tag (EXIF), and with all shades of 16
 * bits in 8. Otherwise as `decodeImage`; what is transparent has the colour that the file gives it.
 *
 * @param file used in messages
 * @throws {Error} as `decodeImage`
 */
export function decodeShown(bytes: Uint8Array, file: string): Promise<RgbImage> {
  return naming(bytes, file, async () => {
    if (isWebp(bytes)) {
      const { exif } = checkWebp(bytes);
      return upright(toRgb(await decodeWebp(bytes)), orientationOf(exif));
    }
    if (!isPng(bytes)) {
      return upright(toRgb(await decodeJpeg(bytes)), orientationOf(jpegExif(bytes)));
    }
    const parts = await checkPng(bytes);
    const { data, ...size } = readPng(parts);
    const isDeep = data instanceof Uint16Array;
    const shades = isDeep ? Uint8Array.from(data, (sample) => sample >> 8) : data;
    return upright(toRgb({ ...size, data: shades }), orientationOf(parts.exif));
  });
}

/** Works on an image file; errors name it. */
async function naming<T>(bytes: Uint8Array, file: string, work: () => Promise<T>): Promise<T> {
  if (bytes.length === 0) throw new Error(`${file}: neither JPEG, PNG nor WebP: the file is empty`);
  if (!isPng(bytes) && !isJpeg(bytes) && !isWebp(bytes)) {
    throw new Error(`${file}: neither JPEG, PNG nor WebP; convert it to one of them`);
  }
  try {
    return await work();
  } catch (error) {
    throw new Error(`${file}: cannot be decoded: ${messageOf(error)}`, { cause: error });
  }
}

interface Samples {
  width: number;
  height: number;
  /** RGBA, as they are: of 8 bits or of 16. */
  data: Uint8Array | Uint16Array;
}

function readPng({ header, pieces }: PngParts): Samples {
  // What is left out of the types: with it, samples of 16 bits stay as they are, in a Uint16Array.
  const options = { skipRescale: header.depth === 16 };
  const { width, height, data } = PNG.sync.read(Buffer.concat(pieces), options);
  return { width, height, data: data as Uint8Array | Uint16Array };
}

/** CMYK by its parts: the codec gives nothing but RGB. */
async function decodeJpeg(bytes: Uint8Array): Promise<PixelImage> {
  const frame = checkJpeg(bytes);
  if (frame.components.length !== 4) return decodeWithMozjpeg(bytes);
  const { colours, black, isYcck } = splitCmyk(bytes, frame);
  const image = await decodeWithMozjpeg(colours);
  mergeCmyk(image.data, (await decodeWithMozjpeg(black)).data, isYcck);
  return image;
}

function decodeWebp(bytes: Uint8Array): Promise<PixelImage> {
  checkWebp(bytes);
  return decodeWithLibwebp(bytes);
}
