/** Images that scripts in Python make of the same formulas, for comparison with Pillow. */
import type { RgbImage } from '../../src/preprocessing/image';

type Colour = (x: number, y: number) => readonly number[];

function imageOf(width: number, height: number, colour: Colour): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x, y), 3 * (width * y + x));
  }
  return { width, height, data };
}

/** Pixels of all values, without any order that a filter could flatter. */
export function syntheticImage(width: number, height: number): RgbImage {
  return imageOf(width, height, (x, y) =>
    [0, 1, 2].map(
      (c) => (x * 7 * (c + 1) + y * 13 + ((x * y) ^ (x * 31 + y * 17 + c * 101))) & 255,
    ),
  );
}

/** Few values, of a narrow range, with one channel that is constant. */
export function dullImage(width: number, height: number): RgbImage {
  return imageOf(width, height, (x, y) => [
    60 + ((x * y) % 9),
    77,
    100 + (((Math.floor(x / 7) + Math.floor(y / 5)) * 3) % 64),
  ]);
}

/** 65,536 colours. */
export function manyColours(): RgbImage {
  return imageOf(256, 256, (x, y) => [y, x, (((256 * y + x) * 40503) >> 4) & 255]);
}
