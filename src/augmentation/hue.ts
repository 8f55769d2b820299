/** Turning the hue as torchvision does it with Pillow: through 8-bit HSV and back. */
import type { RgbImage } from '../preprocessing/image';

const { fround } = Math;

/** Pillow's HSV of a pixel, 8 bits each, in one number: hue, saturation, value. */
function toHsv(r: number, g: number, b: number): number {
  const high = Math.max(r, g, b);
  const range = high - Math.min(r, g, b);
  if (range === 0) return high;
  const saturation = Math.trunc(fround(range / high) * 255);
  const [red, green, blue] = [
    fround((high - r) / range),
    fround((high - g) / range),
    fround((high - b) / range),
  ];
  const sextant =
    r === high
      ? fround(blue - green)
      : g === high
        ? fround(2 + red - blue)
        : fround(4 + green - red);
  const turn = fround((sextant / 6 + 1) % 1);
  return (Math.trunc(turn * 255) << 16) | (saturation << 8) | high;
}

/**
 * Turns the hue of every pixel.
 *
 * @param turns of the circle of hues, -0.5..0.5; 0 still goes through HSV, which rounds
 */
export function adjustHue({ width, height, data }: RgbImage, turns: number): RgbImage {
  const shift = Math.trunc(turns * 255) & 255;
  const adjusted = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const hsv = toHsv(data[i] as number, data[i + 1] as number, data[i + 2] as number);
    const saturation = (hsv >> 8) & 255;
    const value = hsv & 255;
    if (saturation === 0) {
      adjusted[i] = adjusted[i + 1] = adjusted[i + 2] = value;
      continue;
    }
    const hue = ((hsv >> 16) + shift) & 255;
    const sextant = Math.floor((hue * 6) / 255);
    const fraction = fround((hue * 6) / 255 - sextant);
    const share = fround(saturation / 255);
    const p = Math.round(value * (1 - share));
    // Both are products of two floats in C, not of doubles.
    const q = Math.round(value * (1 - fround(share * fraction)));
    const t = Math.round(value * (1 - share * (1 - fraction)));
    writeSextant(adjusted, i, sextant % 6, value, p, q, t);
  }
  return { width, height, data: adjusted };
}

/** The colour of a sextant of the circle, from red over yellow, green, cyan, blue, magenta. */
function writeSextant(
  data: Uint8Array,
  at: number,
  sextant: number,
  v: number,
  p: number,
  q: number,
  t: number,
): void {
  data[at] = sextant === 0 || sextant === 5 ? v : sextant === 1 ? q : sextant === 4 ? t : p;
  data[at + 1] = sextant === 1 || sextant === 2 ? v : sextant === 0 ? t : sextant === 3 ? q : p;
  data[at + 2] = sextant === 3 || sextant === 4 ? v : sextant === 2 ? t : sextant === 5 ? q : p;
}
