/** Examples and networks for tests of fine-tuning: small enough for the plain cpu backend. */
import * as tf from '@tensorflow/tfjs';

import { createModel, type ExampleSource } from 'tfjs-revcol';

/** Side of the pictures. */
export const SIDE = 8;

/** Pixels of a picture of a class: a bright half, somewhat noisy, by its number. */
function pixels(label: number, index: number): Uint8Array {
  const data = new Uint8Array(3 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const halves = [y < SIDE / 2, y >= SIDE / 2, x < SIDE / 2, x >= SIDE / 2];
    const noise = (37 * i + 101 * index + 13 * i * index) % 60;
    data.fill((halves[label % 4] ? 180 : 20) + noise, 3 * i, 3 * i + 3);
  }
  return data;
}

/** Pictures of `classes` classes, one after another. */
export function pictures(
  count: number,
  classNames: readonly string[] = ['top', 'bottom'],
  labels?: readonly number[],
): ExampleSource {
  const label = (index: number) => labels?.[index] ?? index % classNames.length;
  return {
    length: count,
    classNames,
    label,
    name: (index) => `picture ${index}`,
    read: (index) =>
      Promise.resolve({ width: SIDE, height: SIDE, data: pixels(label(index), index) }),
    close: () => Promise.resolve(),
  };
}

/** The same pictures, some of which cannot be read. */
export function breaking(count: number, broken: ReadonlySet<number>): ExampleSource {
  const source = pictures(count);
  const read = (index: number) =>
    broken.has(index) ? Promise.reject(new Error('is cut short')) : source.read(index);
  return { ...source, read };
}

/** Options of a network that learns to tell them apart in a few steps. */
export const TINY = {
  columns: 2,
  channels: [4, 6],
  depths: [1, 1],
  patchSize: 2,
  inputShape: [SIDE, SIDE, 3] as [number, number, number],
};

/** A RevCol classifier of pictures. */
export function tinyModel(numClasses = 2): tf.LayersModel {
  return createModel('revcol_tiny', { ...TINY, numClasses });
}

/** A classifier of tfjs's own layers, with batch normalisation and a softmax. */
export function stockModel(units = 3): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [SIDE, SIDE, 3],
        filters: 4,
        kernelSize: 2,
        strides: 2,
        activation: 'relu',
      }),
      tf.layers.batchNormalization(),
      tf.layers.flatten(),
      tf.layers.dense({ units, activation: 'softmax' }),
    ],
  });
}

/** All weights of a model. */
export function weightsOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}
