/** Scenes as bytes: those for training and for testing, and which of them every step sees. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { epochOrder, seededRandom } from 'tfjs-revcol';
import { readItems } from './items';
import { makeScene, SCENE_SIDE, TEST_SCENES, TEST_SEED } from './scene';
import { TRAINING } from './settings';

/** Pictures behind each other, as files. */
export type Part = 'train' | 'test';

/** Scenes, `SCENE_SIDE` in square. */
export interface Pictures {
  readonly count: number;
  /** RGB bytes, `[count, SCENE_SIDE, SCENE_SIDE, 3]`. */
  readonly pixels: Uint8Array;
  /** Class of each pixel, `[count, SCENE_SIDE, SCENE_SIDE]`. */
  readonly labels: Uint8Array;
}

/** File of the order: for every place the number of the scene, and 1 where it is mirrored, as int32. */
const ORDER = 'order.int32';

/** Writes `PART.pixels` and `PART.labels`, and the order in which the scenes for training are seen. */
export function writeDataset(folder: string, out: string): void {
  const { seed, scenes, epochs } = TRAINING;
  write(folder, out, 'test', TEST_SEED, TEST_SCENES);
  write(folder, out, 'train', seed, scenes);
  const places = Array.from({ length: epochs }, (_, epoch) =>
    Array.from(epochOrder(seed, epoch, scenes), (index) => [
      index,
      seededRandom(seed, epoch, index).integer(2),
    ]),
  );
  fs.writeFileSync(path.join(out, ORDER), Int32Array.from(places.flat(2)));
}

function write(folder: string, out: string, part: Part, seed: number, count: number): void {
  const items = readItems(folder, part);
  const files = (['pixels', 'labels'] as const).map(
    (kind) => [kind, fs.openSync(path.join(out, `${part}.${kind}`), 'w')] as const,
  );
  for (let i = 0; i < count; i++) {
    const scene = makeScene(items, seed, i);
    for (const [kind, file] of files) fs.writeSync(file, scene[kind]);
  }
  for (const [, file] of files) fs.closeSync(file);
}

/** Reads a scene that was written into places of an array. */
function readScene(out: string, part: Part, index: number, into: Pictures, at: number): void {
  for (const [kind, channels] of [
    ['pixels', 3],
    ['labels', 1],
  ] as const) {
    const size = channels * SCENE_SIDE * SCENE_SIDE;
    const got = readAt(
      path.join(out, `${part}.${kind}`),
      into[kind],
      at * size,
      size,
      index * size,
    );
    if (got < size) throw new Error(`${part}.${kind} is cut short; run scenes.ts export again`);
  }
}

function readAt(
  file: string,
  into: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  if (!fs.existsSync(file)) throw new Error(`${file} is not there; run scenes.ts export first`);
  const opened = fs.openSync(file, 'r');
  try {
    return fs.readSync(opened, into, offset, length, position);
  } finally {
    fs.closeSync(opened);
  }
}

function room(count: number): Pictures {
  const size = count * SCENE_SIDE * SCENE_SIDE;
  return { count, pixels: new Uint8Array(3 * size), labels: new Uint8Array(size) };
}

/** Reads some of what was written. */
export function readPictures(out: string, part: Part, first: number, count: number): Pictures {
  const read = room(count);
  for (let i = 0; i < count; i++) readScene(out, part, first + i, read, i);
  return read;
}

/** Reads what a step sees. */
export function readStep(out: string, step: number): Pictures {
  const { batch } = TRAINING;
  const places = new Int32Array(2 * batch);
  const bytes = new Uint8Array(places.buffer);
  const got = readAt(path.join(out, ORDER), bytes, 0, bytes.length, step * bytes.length);
  if (got < bytes.length) throw new Error(`${ORDER} is cut short; run scenes.ts export again`);
  const read = room(batch);
  for (let i = 0; i < batch; i++) {
    readScene(out, 'train', places[2 * i] as number, read, i);
    if (places[2 * i + 1] === 1) mirror(read, i);
  }
  return read;
}

/** Lets left and right of a picture change places. */
function mirror({ pixels, labels }: Pictures, index: number): void {
  for (let row = index * SCENE_SIDE; row < (index + 1) * SCENE_SIDE; row++) {
    const [start, end] = [row * SCENE_SIDE, (row + 1) * SCENE_SIDE];
    labels.subarray(start, end).reverse();
    const line = pixels.subarray(3 * start, 3 * end);
    // Backwards as a whole, then each pixel's channels in their order again.
    line.reverse();
    for (let x = 0; x < line.length; x += 3) line.subarray(x, x + 3).reverse();
  }
}
