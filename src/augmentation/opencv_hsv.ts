/**
 * Hue, saturation and value of bytes as OpenCV has them (`COLOR_BGR2HSV` of 8 bits and back): hue in half degrees,
 * 0..179. There by tables of fixed-point reciprocals, back in float32.
 */
import { roundHalfToEven } from '../common/rounding';

const { fround } = Math;

/** Fraction bits of the reciprocals. */
const SHIFT = 12;
const HALF = 1 << (SHIFT - 1);
/** Half degrees of the circle of hues. */
export const HUES = 180;

/** `numerator << SHIFT` over each byte, rounded. */
function reciprocals(numerator: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) =>
    i === 0 ? 0 : roundHalfToEven((numerator << SHIFT) / i),
  );
}

/** Hue, saturation and value of RGB bytes, three each. */
export function rgbToHsv(data: Uint8Array): Uint8Array {
  const [saturations, hues] = [reciprocals(255), reciprocals(HUES / 6)];
  const made = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i] as number, data[i + 1] as number, data[i + 2] as number];
    const value = Math.max(r, g, b);
    const range = value - Math.min(r, g, b);
    const sixths = value === r ? g - b : value === g ? b - r + 2 * range : r - g + 4 * range;
    const hue = (sixths * (hues[range] as number) + HALF) >> SHIFT;
    made[i] = hue < 0 ? hue + HUES : hue;
    made[i + 1] = (range * (saturations[value] as number) + HALF) >> SHIFT;
    made[i + 2] = value;
  }
  return made;
}

/** Which of value, and its three lower blends, red, green and blue are, by sixth of the circle. */
const SIXTHS = [
  [0, 3, 1],
  [2, 0, 1],
  [1, 0, 3],
  [1, 2, 0],
  [3, 1, 0],
  [0, 1, 2],
] as const;

/** RGB bytes of hue, saturation and value. */
export function hsvToRgb(hsv: Uint8Array): Uint8Array {
  const made = new Uint8Array(hsv.length);
  const blends = new Float32Array(4);
  for (let i = 0; i < hsv.length; i += 3) {
    const turned = fround((hsv[i] as number) * fround(6 / HUES));
    const saturation = fround((hsv[i + 1] as number) * fround(1 / 255));
    const value = fround((hsv[i + 2] as number) * fround(1 / 255));
    const sixth = Math.floor(turned);
    const part = fround(turned - sixth);
    blends[0] = value;
    blends[1] = value * fround(1 - saturation);
    blends[2] = value * fround(1 - fround(saturation * part));
    blends[3] = value * fround(1 - fround(saturation * fround(1 - part)));
    const places = SIXTHS[sixth % 6] as (typeof SIXTHS)[number];
    for (let c = 0; c < 3; c++) {
      const byte = roundHalfToEven(fround((blends[places[c] as number] as number) * 255));
      made[i + c] = Math.min(255, Math.max(0, byte));
    }
  }
  return made;
}
