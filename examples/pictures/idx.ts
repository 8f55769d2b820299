/** Files of the MNIST family: labelled grey pictures in IDX format, gzipped. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Grey pictures of one size, and the class of each. */
export interface GreyPictures {
  count: number;
  height: number;
  width: number;
  /** A byte for each pixel. */
  pixels: Buffer;
  labels: Buffer;
}

/**
 * Reads a part of a data set as it is published: `PART-images-idx3-ubyte.gz` and the labels beside it.
 *
 * @param part `train`, or `t10k`
 */
export function readIdx(folder: string, part: string): GreyPictures {
  const images = gunzipSync(fs.readFileSync(path.join(folder, `${part}-images-idx3-ubyte.gz`)));
  const labels = gunzipSync(fs.readFileSync(path.join(folder, `${part}-labels-idx1-ubyte.gz`)));
  const [kind, count, height, width] = [0, 4, 8, 12].map((at) => images.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (kind !== 0x803 || labels.readUInt32BE(0) !== 0x801 || labels.readUInt32BE(4) !== count) {
    throw new Error(`${folder}: ${part} is not pictures and labels in IDX format`);
  }
  return { count, height, width, pixels: images.subarray(16), labels: labels.subarray(8) };
}
