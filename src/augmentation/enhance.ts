/**
 * Brightness, contrast, saturation and sharpness as `PIL.ImageEnhance` changes them: a blend of the image
 * with one that has none of it, in float32, cut off to bytes. A factor of 1 changes nothing.
 */
import type { RgbImage } from '../preprocessing/image';
import { mapBytes, tableOf } from './tones';

const { fround } = Math;

/** A byte of a blend. Pillow cuts off the fraction. */
function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** Luma of a pixel, as Pillow's `convert('L')`. */
function luma(data: Uint8Array, at: number): number {
  const red = (data[at] as number) * 19595;
  const green = (data[at + 1] as number) * 38470;
  const blue = (data[at + 2] as number) * 7471;
  return (red + green + blue + 0x8000) >> 16;
}

/** What a factor makes of a difference of two bytes, at 255 plus the difference. */
function differenceTable(factor: number): Float32Array {
  const scale = fround(factor);
  const table = new Float32Array(511);
  for (let i = 0; i < 511; i++) table[i] = scale * (i - 255);
  return table;
}

/** Blends every byte with the same one. */
function blendWith(image: RgbImage, grey: number, factor: number): RgbImage {
  const differences = differenceTable(factor);
  const table = tableOf((byte) =>
    toByte(fround(grey + (differences[255 + byte - grey] as number))),
  );
  return mapBytes(image, table);
}

/** `ImageEnhance.Brightness`: 0 is black. */
export function adjustBrightness(image: RgbImage, factor: number): RgbImage {
  return blendWith(image, 0, factor);
}

/** `ImageEnhance.Contrast`: 0 is a grey of the mean luma. */
export function adjustContrast(image: RgbImage, factor: number): RgbImage {
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data, i);
  return blendWith(image, Math.trunc(sum / (data.length / 3) + 0.5), factor);
}

/** `ImageEnhance.Color`: 0 is the grey image. */
export function adjustSaturation(image: RgbImage, factor: number): RgbImage {
  const { width, height, data } = image;
  const differences = differenceTable(factor);
  const adjusted = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const grey = luma(data, i);
    for (let at = i; at < i + 3; at++) {
      const difference = differences[255 + (data[at] as number) - grey] as number;
      adjusted[at] = toByte(fround(grey + difference));
    }
  }
  return { width, height, data: adjusted };
}

/** `ImageEnhance.Sharpness`: 0 is the image smoothed by `ImageFilter.SMOOTH`, above 1 sharpens. */
export function adjustSharpness(image: RgbImage, factor: number): RgbImage {
  const { width, height, data } = image;
  const differences = differenceTable(factor);
  // At the border there is nothing to smooth with: those pixels stay.
  const adjusted = data.slice();
  const stride = 3 * width;
  for (let y = 1; y < height - 1; y++) {
    const end = stride * (y + 1) - 3;
    for (let at = stride * y + 3; at < end; at++) {
      const byte = data[at] as number;
      const sum =
        (data[at - stride - 3] as number) +
        (data[at - stride] as number) +
        (data[at - stride + 3] as number) +
        (data[at - 3] as number) +
        5 * byte +
        (data[at + 3] as number) +
        (data[at + stride - 3] as number) +
        (data[at + stride] as number) +
        (data[at + stride + 3] as number);
      // Rounded; of thirteenths there are no halves.
      const smooth = Math.trunc((2 * sum + 13) / 26);
      adjusted[at] = toByte(fround(smooth + (differences[255 + byte - smooth] as number)));
    }
  }
  return { width, height, data: adjusted };
}
