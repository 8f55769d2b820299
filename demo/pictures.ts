/** The pictures that come with the page, as bytes: classes take turns, and every fifth of each is held out. */
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';

import { DATA_SETS, type Pictures, SIDE } from '../examples/fashion/data';

export { SIDE };

const CLASSES = 10;

/** Digits of each class that the page brings. */
const DIGITS_PER_CLASS = 120;

/** As the page holds pictures out. */
const HELD_OUT_EVERY = 5;

/** The first of some pictures, by class; of those held out where a place is for one. */
export function inTurns(
  parts: Record<'train' | 'held', Pictures>,
  perClass: number,
  classes: number,
): Uint8Array {
  const size = SIDE * SIDE;
  const pixels = new Uint8Array(perClass * classes * size);
  for (let label = 0; label < classes; label++) {
    const places = { train: -1, held: -1 };
    for (let row = 0; row < perClass; row++) {
      const name = row % HELD_OUT_EVERY === HELD_OUT_EVERY - 1 ? 'held' : 'train';
      const at = parts[name].labels.indexOf(label, places[name] + 1);
      if (at < 0) throw new Error(`there are too few pictures of class ${label}`);
      places[name] = at;
      const own = parts[name].pixels.subarray(at * size, (at + 1) * size);
      pixels.set(own, (row * classes + label) * size);
    }
  }
  return pixels;
}

/** Digits; those held out are of a part that the shipped weights were not trained on. */
export function digits(): Uint8Array {
  const { train, validation } = DATA_SETS.digits.load();
  return inTurns({ train, held: validation }, DIGITS_PER_CLASS, CLASSES);
}

/** What `pack_fashion.ts` has packed. */
export function fashion(): Uint8Array {
  const file = fileURLToPath(new URL('pictures/fashion.png', import.meta.url));
  const { data, width, height } = PNG.sync.read(fs.readFileSync(file));
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const [column, row] = [Math.floor(x / SIDE), Math.floor(y / SIDE)];
    const picture = row * CLASSES + column;
    pixels[(picture * SIDE + (y % SIDE)) * SIDE + (x % SIDE)] = data[4 * i] as number;
  }
  return pixels;
}
