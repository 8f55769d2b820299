/** Scenes as bytes: those for testing, and what every step of training sees. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { epochOrder, seededRandom, segmentationTransform } from 'tfjs-revcol';
import { readItems } from './items';
import { makeScene, SCENE_SIDE, TEST_SCENES, TEST_SEED } from './scene';
import { TRAINING } from './settings';

/** Pictures behind each other, as files. */
export type Part = 'steps' | 'test';

/** Pictures of one size. */
export interface Pictures {
  readonly count: number;
  readonly side: number;
  /** RGB bytes, `[count, side, side, 3]`. */
  readonly pixels: Uint8Array;
  /** Class of each pixel, `[count, side, side]`. */
  readonly labels: Uint8Array;
}

const SIDES: Readonly<Record<Part, number>> = { steps: TRAINING.crop, test: SCENE_SIDE };

/** Writes `PART.pixels` and `PART.labels`: the scenes for testing, and the crops of all steps one after another. */
export function writeDataset(folder: string, out: string): void {
  const test = readItems(folder, 'test');
  write(out, 'test', TEST_SCENES, (i) => makeScene(test, TEST_SEED, i));
  const { seed, scenes, epochs, crop } = TRAINING;
  const items = readItems(folder, 'train');
  const made = Array.from({ length: scenes }, (_, i) => makeScene(items, seed, i));
  const transform = segmentationTransform({
    cropSize: [crop, crop],
    scale: [1, 1],
    photometric: null,
  });
  const size = { width: SCENE_SIDE, height: SCENE_SIDE };
  const orders = Array.from({ length: epochs }, (_, epoch) => epochOrder(seed, epoch, scenes));
  write(out, 'steps', epochs * scenes, (i) => {
    const epoch = Math.floor(i / scenes);
    const index = orders[epoch]?.[i % scenes] as number;
    const { pixels, labels } = made[index] as (typeof made)[number];
    const cropped = transform(
      { ...size, data: pixels },
      { ...size, data: labels },
      seededRandom(seed, epoch, index),
    );
    return { pixels: cropped.image.data, labels: cropped.labels.data as Uint8Array };
  });
}

function write(
  out: string,
  part: Part,
  count: number,
  make: (i: number) => Pick<Pictures, 'pixels' | 'labels'>,
): void {
  const files = (['pixels', 'labels'] as const).map(
    (kind) => [kind, fs.openSync(path.join(out, `${part}.${kind}`), 'w')] as const,
  );
  for (let i = 0; i < count; i++) {
    const one = make(i);
    for (const [kind, file] of files) fs.writeSync(file, one[kind]);
  }
  for (const [, file] of files) fs.closeSync(file);
}

/** Reads some of what was written. */
export function readPictures(out: string, part: Part, first: number, count: number): Pictures {
  const side = SIDES[part];
  const read = (kind: 'pixels' | 'labels', channels: number) => {
    const file = path.join(out, `${part}.${kind}`);
    if (!fs.existsSync(file)) throw new Error(`${file} is not there; run scenes.ts export first`);
    const size = channels * side * side;
    const bytes = new Uint8Array(count * size);
    const opened = fs.openSync(file, 'r');
    const got = fs.readSync(opened, bytes, 0, bytes.length, first * size);
    fs.closeSync(opened);
    if (got < bytes.length) throw new Error(`${file} is cut short; run scenes.ts export again`);
    return bytes;
  };
  return { count, side, pixels: read('pixels', 3), labels: read('labels', 1) };
}
