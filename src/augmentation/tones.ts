/** Operations on tones that are a table of 256 bytes for each channel, as `PIL.ImageOps` has them. */
import type { RgbImage } from '../preprocessing/image';

/** An image of the same size whose bytes go through a table: 256 for all channels, or 256 for each. */
export function mapBytes({ width, height, data }: RgbImage, table: Uint8Array): RgbImage {
  const mapped = new Uint8Array(data.length);
  const [green, blue] = table.length === 256 ? [0, 0] : [256, 512];
  for (let i = 0; i < data.length; i += 3) {
    mapped[i] = table[data[i] as number] as number;
    mapped[i + 1] = table[green + (data[i + 1] as number)] as number;
    mapped[i + 2] = table[blue + (data[i + 2] as number)] as number;
  }
  return { width, height, data: mapped };
}

/** A table of one byte for each byte; what is out of range is clipped. */
export function tableOf(value: (byte: number) => number): Uint8Array {
  const table = new Uint8ClampedArray(256);
  // Not by `from`, which takes ten times as long: longer than to map a small image.
  for (let byte = 0; byte < 256; byte++) table[byte] = value(byte);
  return new Uint8Array(table.buffer);
}

/** How often each byte occurs, 256 counts for each channel. */
function histogram(data: Uint8Array): Uint32Array {
  const counts = new Uint32Array(3 * 256);
  for (let i = 0; i < data.length; i += 3) {
    (counts[data[i] as number] as number)++;
    (counts[256 + (data[i + 1] as number)] as number)++;
    (counts[512 + (data[i + 2] as number)] as number)++;
  }
  return counts;
}

/** The highest byte that occurs. */
function lastUsed(counts: Uint32Array): number {
  let byte = 255;
  while (counts[byte] === 0) byte--;
  return byte;
}

/** Maps each channel by a table made from its histogram. */
function mapByHistogram(
  image: RgbImage,
  tableOfChannel: (counts: Uint32Array) => Uint8Array,
): RgbImage {
  const counts = histogram(image.data);
  const table = new Uint8Array(3 * 256);
  for (const start of [0, 256, 512]) {
    table.set(tableOfChannel(counts.subarray(start, start + 256)), start);
  }
  return mapBytes(image, table);
}

/** Stretches each channel to 0..255 (`ImageOps.autocontrast` without a cut-off). */
export function autoContrast(image: RgbImage): RgbImage {
  return mapByHistogram(image, (counts) => {
    const [low, high] = [counts.findIndex((count) => count > 0), lastUsed(counts)];
    if (high <= low) return tableOf((byte) => byte);
    const scale = 255 / (high - low);
    const offset = -low * scale;
    return tableOf((byte) => Math.trunc(byte * scale + offset));
  });
}

/** Makes all values of each channel about equally frequent (`ImageOps.equalize`). */
export function equalize(image: RgbImage): RgbImage {
  return mapByHistogram(image, (counts) => {
    const highest = counts[lastUsed(counts)] as number;
    const step = Math.floor((image.width * image.height - highest) / 255);
    if (step === 0) return tableOf((byte) => byte);
    let sum = Math.floor(step / 2);
    return tableOf((byte) => {
      const value = Math.floor(sum / step);
      sum += counts[byte] as number;
      return value;
    });
  });
}

/** `ImageOps.invert`. */
export function invert(image: RgbImage): RgbImage {
  return mapBytes(
    image,
    tableOf((byte) => 255 - byte),
  );
}

/** Keeps the upper bits of each byte (`ImageOps.posterize`): 0 of them is black, 8 changes nothing. */
export function posterize(image: RgbImage, bits: number): RgbImage {
  const mask = 256 - 2 ** (8 - bits);
  return bits >= 8
    ? image
    : mapBytes(
        image,
        tableOf((byte) => byte & mask),
      );
}

/** Inverts the bytes from `threshold` on (`ImageOps.solarize`). */
export function solarize(image: RgbImage, threshold: number): RgbImage {
  return mapBytes(
    image,
    tableOf((byte) => (byte < threshold ? byte : 255 - byte)),
  );
}

/** Makes the bytes below 128 brighter. */
export function solarizeAdd(image: RgbImage, added: number): RgbImage {
  return mapBytes(
    image,
    tableOf((byte) => (byte < 128 ? byte + added : byte)),
  );
}
