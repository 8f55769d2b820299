/** Circles, squares and triangles: the smallest task of images that brightness alone does not solve. */
import * as tf from '@tensorflow/tfjs';

import { seededRandom } from '../../src/ops/engine/random';

/** Side of an image, in pixels. */
export const SIDE = 16;

type Inside = (dx: number, dy: number, radius: number) => boolean;

/** Whether a place belongs to the figure, by its distance from the centre. All have about one area. */
const FIGURES: Inside[] = [
  (dx, dy, r) => dx * dx + dy * dy <= r * r,
  (dx, dy, r) => Math.max(Math.abs(dx), Math.abs(dy)) <= 0.886 * r,
  (dx, dy, r) => dy <= 0.9 * r && Math.abs(dx) <= 0.65 * (dy + 1.5 * r),
];

/** Images and their classes; the caller disposes them. */
export interface Shapes {
  /** `[count, SIDE, SIDE, channels]`, 0..1 */
  images: tf.Tensor4D;
  /** `[count, 3]`, one-hot */
  labels: tf.Tensor;
}

/** Light grey figures on a darker grey, of random size, place and brightness; the same for a seed. */
export function drawShapes(count: number, seed: number, channels = 1): Shapes {
  const random = seededRandom(seed);
  const between = (a: number, b: number) => a + (b - a) * random();
  const values = new Float32Array(count * SIDE * SIDE * channels);
  const classes = new Int32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    classes[i] = i % FIGURES.length;
    const inside = FIGURES[classes[i] as number] as Inside;
    const radius = between(4, 6);
    const [x, y] = [between(radius, SIDE - radius), between(radius, SIDE - radius)];
    const ground = between(0.3, 0.5);
    const figure = ground + between(0.2, 0.4);
    for (let p = 0; p < SIDE * SIDE; p++) {
      const isInside = inside((p % SIDE) + 0.5 - x, Math.floor(p / SIDE) + 0.5 - y, radius);
      for (let c = 0; c < channels; c++) values[at++] = isInside ? figure : ground;
    }
  }
  return {
    images: tf.tensor4d(values, [count, SIDE, SIDE, channels]),
    labels: tf.tidy(() =>
      tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), FIGURES.length), 'float32'),
    ),
  };
}
