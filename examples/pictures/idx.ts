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

/** What of Fashion-MNIST is expected in a folder. */
const EXPECTED =
  'give --data, the folder with the four files of Fashion-MNIST as they are published: train-images-idx3-ubyte.gz, ...';

/** The bytes of a file, unpacked. */
function unpacked(file: string): Buffer {
  try {
    return gunzipSync(fs.readFileSync(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' || code === 'ENOTDIR' ? 'is not there' : `cannot be read: ${message}`;
    throw new Error(`${file} ${why}; ${EXPECTED}`, { cause: error });
  }
}

/**
 * Reads a part of a data set as it is published: `PART-images-idx3-ubyte.gz` and the labels beside it.
 *
 * @param part `train`, or `t10k`
 * @throws {Error} when a file is not there, cannot be read, or holds something else
 */
export function readIdx(folder: string, part: string): GreyPictures {
  const images = unpacked(path.join(folder, `${part}-images-idx3-ubyte.gz`));
  const labels = unpacked(path.join(folder, `${part}-labels-idx1-ubyte.gz`));
  const numberAt = (bytes: Buffer, at: number) =>
    at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
  const [kind, count, height, width] = [0, 4, 8, 12].map((at) => numberAt(images, at)) as [
    number,
    number,
    number,
    number,
  ];
  const isWhole =
    kind === 0x803 &&
    numberAt(labels, 0) === 0x801 &&
    numberAt(labels, 4) === count &&
    images.length === 16 + count * height * width &&
    labels.length === 8 + count;
  if (!isWhole) {
    throw new Error(`${folder}: ${part} is not pictures and labels in IDX format; ${EXPECTED}`);
  }
  return { count, height, width, pixels: images.subarray(16), labels: labels.subarray(8) };
}
