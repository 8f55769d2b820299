/** Pictures as batches of tensors: as they are, or changed at random for training. */
import * as tf from '@tensorflow/tfjs';

import { type SeededRandom, seededRandom } from 'tfjs-revcol/training';
import { type DataSet, type Pictures, SIDE } from './data';

/** Tensors of one batch; the caller disposes them. */
export interface Batch {
  /** Normalised pixels, `[batch, 28, 28, 1]`. */
  images: tf.Tensor4D;
  /** Numbers of the classes, `[batch]`, int32. */
  labels: tf.Tensor1D;
}

/** Pixels by which a picture moves, at most, each way. */
const SHIFT = 2;

/** Random erasing (Zhong et al. 2017, arXiv 1708.04896): how often, and ranges of area and aspect. */
const ERASING = { probability: 0.25, area: [0.02, 0.2], aspect: [0.3, 1 / 0.3] } as const;

/** Keeps these draws apart from others of the same seed. */
const PURPOSE = 0x66617368;

type Normalize = Pick<DataSet, 'mean' | 'std'>;

/** Writes one picture, `SIDE * SIDE` values, to `out[at]` and on. */
type Writer = (pixels: Uint8Array, out: Float32Array, at: number) => void;

function toBatch({ pixels, labels }: Pictures, which: Uint32Array, write: Writer): Batch {
  const size = SIDE * SIDE;
  const values = new Float32Array(which.length * size);
  which.forEach((i, n) => write(pixels.subarray(i * size, (i + 1) * size), values, n * size));
  return {
    images: tf.tensor4d(values, [which.length, SIDE, SIDE, 1]),
    labels: tf.tensor1d(
      Int32Array.from(which, (i) => labels[i] as number),
      'int32',
    ),
  };
}

/** Normalised value of every byte. */
function tableOf({ mean, std }: Normalize): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / std);
}

/** Pictures as they are. */
export function plainBatch(pictures: Pictures, which: Uint32Array, set: Normalize): Batch {
  const table = tableOf(set);
  return toBatch(pictures, which, (pixels, out, at) => {
    pixels.forEach((byte, i) => (out[at + i] = table[byte] as number));
  });
}

/**
 * Pictures moved by up to two pixels, mirrored where that keeps the class, and with a rectangle of noise
 * in a quarter of them.
 *
 * @param seed of the run and number of the step, which all draws depend on
 */
export function trainingBatch(
  pictures: Pictures,
  which: Uint32Array,
  set: Pick<DataSet, 'mean' | 'std' | 'mirrored'>,
  seed: readonly [run: number, step: number],
): Batch {
  const table = tableOf(set);
  const random = seededRandom(seed[0], PURPOSE, seed[1]);
  return toBatch(pictures, which, (pixels, out, at) => {
    const [down, right] = [shift(random), shift(random)];
    const isMirrored = set.mirrored && random.uniform() < 0.5;
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const [row, column] = [y - down, (isMirrored ? SIDE - 1 - x : x) - right];
        const isInside = row >= 0 && row < SIDE && column >= 0 && column < SIDE;
        const byte = isInside ? (pixels[row * SIDE + column] as number) : 0;
        out[at + y * SIDE + x] = table[byte] as number;
      }
    }
    if (random.uniform() < ERASING.probability) erase(out, at, random);
  });
}

function shift(random: SeededRandom): number {
  return random.integer(2 * SHIFT + 1) - SHIFT;
}

function erase(out: Float32Array, at: number, random: SeededRandom): void {
  const area = SIDE * SIDE * random.between(...ERASING.area);
  const [flat, tall] = ERASING.aspect;
  const aspect = Math.exp(random.between(Math.log(flat), Math.log(tall)));
  const height = Math.min(SIDE - 1, Math.max(1, Math.round(Math.sqrt(area * aspect))));
  const width = Math.min(SIDE - 1, Math.max(1, Math.round(Math.sqrt(area / aspect))));
  const [top, left] = [random.integer(SIDE - height + 1), random.integer(SIDE - width + 1)];
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) out[at + y * SIDE + x] = random.normal();
  }
}
