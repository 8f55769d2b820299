/**
 * How a camera was held, as the orientation tag of a picture's EXIF data says, and the picture upright.
 *
 * Exif 3.0, section 4.6.5.1.6; TIFF 6.0, section 2.
 */
import type { RgbImage } from '../preprocessing/image';

const ORIENTATION = 0x0112;
const SHORT = 3;

/**
 * Reads the orientation tag.
 *
 * @param exif TIFF data, also with the mark in front that JPEG files have
 * @returns 1 to 8; 1, upright, where there is no such tag, or the data are damaged
 */
export function orientationOf(exif: Uint8Array | undefined): number {
  if (!exif) return 1;
  const marked = String.fromCharCode(...exif.subarray(0, 6)) === 'Exif\0\0';
  const tiff = marked ? exif.subarray(6) : exif;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  try {
    const isLittle = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, isLittle);
    const count = view.getUint16(directory, isLittle);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      if (view.getUint16(entry, isLittle) !== ORIENTATION) continue;
      const value = view.getUint16(entry + 8, isLittle);
      const fits = view.getUint16(entry + 2, isLittle) === SHORT && value >= 1 && value <= 8;
      return fits ? value : 1;
    }
  } catch (error) {
    // Beyond the end: what other programs write there is not the picture's fault.
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** A picture turned and mirrored so that it stands as its orientation tag says. */
export function upright(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image;
  const turnsAside = orientation >= 5;
  const [width, height] = turnsAside ? [image.height, image.width] : [image.width, image.height];
  // Of the stored picture: whether its columns and rows are read from their ends.
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const data = new Uint8Array(image.data.length);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = turnsAside ? [y, x] : [x, y];
      const left = fromRight ? image.width - 1 - column : column;
      const top = fromBottom ? image.height - 1 - row : row;
      const from = 3 * (top * image.width + left);
      data[to++] = image.data[from] as number;
      data[to++] = image.data[from + 1] as number;
      data[to++] = image.data[from + 2] as number;
    }
  }
  return { width, height, data };
}
