/**
 * Packs the pictures of Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT) that the page brings
 * into one small picture, `demo/pictures/fashion.png`: a column for each class. All are of the training part; every
 * fifth row is of 5,000 that are held out of it, and the page holds these rows out as well.
 *
 *   npx tsx demo/pack_fashion.ts fashion-mnist     the folder with the four files as they are published
 */
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { epochOrder } from 'tfjs-revcol/training';
import { encodePng } from '../examples/pictures/encode';
import { readIdx } from '../examples/pictures/idx';
import { inTurns, type Pictures, SIDE } from './pictures';

const PER_CLASS = 50;
const CLASSES = 10;

/** What is held out of the training part: so many, drawn with this seed. */
const [HELD_OUT, SEED] = [5000, 2212];

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('give the folder with the four files of Fashion-MNIST');
const all = readIdx(folder, 'train');
const order = epochOrder(SEED, 0, all.count);

/** Pictures in the order of their numbers. */
function pick(which: Uint32Array): Pictures {
  const size = SIDE * SIDE;
  const pixels = new Uint8Array(which.length * size);
  which.forEach((from, to) =>
    pixels.set(all.pixels.subarray(from * size, (from + 1) * size), to * size),
  );
  return { pixels, labels: Uint8Array.from(which, (i) => all.labels[i] as number) };
}

const parts = { held: pick(order.slice(0, HELD_OUT)), train: pick(order.slice(HELD_OUT)) };
const pixels = inTurns(parts, PER_CLASS, CLASSES);
const width = CLASSES * SIDE;
const sheet = new Uint8Array(pixels.length);
for (let at = 0; at < pixels.length; at += SIDE) {
  const [picture, y] = [Math.floor(at / SIDE ** 2), (at / SIDE) % SIDE];
  const [row, column] = [Math.floor(picture / CLASSES), picture % CLASSES];
  sheet.set(pixels.subarray(at, at + SIDE), (row * SIDE + y) * width + column * SIDE);
}
const file = fileURLToPath(new URL('pictures/fashion.png', import.meta.url));
fs.writeFileSync(file, encodePng(sheet, width, PER_CLASS * SIDE));
console.log(`${file}: ${fs.statSync(file).size} bytes`);
