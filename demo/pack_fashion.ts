/**
 * Packs the pictures of Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT) that the page brings
 * into one small picture, `demo/pictures/fashion.png`: a column for each class. Every fifth row is of training
 * pictures that the shipped weights were not trained on; the page holds these out as well.
 *
 *   npx tsx demo/pack_fashion.ts fashion-mnist     the folder with the four files as they are published
 */
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import { DATA_SETS } from '../examples/fashion/data';
import { encodePng } from '../examples/pictures/encode';
import { inTurns, SIDE } from './pictures';

const PER_CLASS = 50;
const CLASSES = 10;

const [folder] = process.argv.slice(2);
const { train, validation } = DATA_SETS.fashion.load(folder);
const pixels = inTurns({ train, held: validation }, PER_CLASS, CLASSES);
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
