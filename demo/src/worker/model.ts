/** The network of a run: made, begun from an earlier one, and asked. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { fitImage } from 'tfjs-revcol/images';
import { layers } from 'tfjs-revcol/layers';
import { withSeededRandom } from '../../../src/ops/engine/random';
import type { ColumnLook } from '../shared/messages';
import { LAYER_SCALE, networkOptions } from '../shared/network';
import { picture, type Pictures, sizeOf } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import { lookAt } from './maps';

type Shape = Pick<Settings, 'columns' | 'side' | 'backprop' | 'data'>;

/**
 * A network with random weights: the same for the same seed.
 *
 * @param channels those of the pictures
 */
export function makeModel(
  settings: Shape & Pick<Settings, 'seed'>,
  classNames: readonly string[],
  channels: 1 | 3 = 3,
): tfl.LayersModel {
  return withSeededRandom(settings.seed, () => makeRandom(settings, classNames, channels));
}

function makeRandom(
  settings: Shape,
  classNames: readonly string[],
  channels: 1 | 3,
): tfl.LayersModel {
  const { kernelSize, ...options } = networkOptions(settings);
  const { side } = settings;
  const model = tfl.sequential({
    layers: [
      layers.revColBackbone({
        name: 'backbone',
        ...options,
        inputShape: [side, side, channels],
        backprop: settings.backprop,
        block: layers.convNextBlock({ kernelSize, layerScaleInit: LAYER_SCALE }),
      }),
      layers.revColHead({ name: 'head', units: classNames.length }),
    ],
  });
  // How its pictures come to it: whole and as they are shown. Mean and deviation are the backbone's own.
  model.setUserDefinedMetadata({ classNames: [...classNames], crop: 'squash', upright: true });
  return model;
}

/** Weights of a network, kept as plain values: they outlive its backend. */
export interface KeptWeights {
  settings: Shape;
  classNames: readonly string[];
  /** By the name of the layer, in its order. */
  values: Record<string, { shape: number[]; data: Float32Array }[]>;
}

export async function keepWeights(
  model: tfl.LayersModel,
  settings: Shape,
  classNames: readonly string[],
): Promise<KeptWeights> {
  const values: KeptWeights['values'] = {};
  for (const layer of model.layers) {
    const own = [];
    for (const weight of layer.getWeights()) {
      own.push({ shape: weight.shape, data: (await weight.data()) as Float32Array });
    }
    values[layer.name] = own;
  }
  return { settings: { ...settings }, classNames: [...classNames], values };
}

/**
 * Gives a network the weights of an earlier one, of whatever pixels; a head for other classes stays as it is.
 *
 * @returns whether the head has come along
 * @throws {Error} when the backbones differ
 */
export function putWeights(model: tfl.LayersModel, kept: KeptWeights): boolean {
  let hasHead = false;
  for (const layer of model.layers) {
    const saved = kept.values[layer.name] ?? [];
    const fits = layer
      .getWeights()
      .every(({ shape }, i) => String(shape) === String(saved[i]?.shape));
    if (layer.name === 'head') {
      const { classNames } = model.getUserDefinedMetadata() as { classNames: string[] };
      hasHead = fits && String(classNames) === String(kept.classNames);
      if (!hasHead) continue;
    }
    if (!fits) {
      throw new Error(
        `The weights to begin from are of ${kept.settings.columns} columns; set the columns to that, or ` +
          `begin with random weights`,
      );
    }
    const tensors = saved.map(({ data, shape }) => tf.tensor(data, shape));
    layer.setWeights(tensors);
    tf.dispose(tensors);
  }
  return hasHead;
}

/** Pixels as the network takes them, `[pictures, side, side, 3]` in 0..255. */
function inputOf(pictures: Pictures, side: number): tf.Tensor4D {
  const count = pictures.pixels.length / sizeOf(pictures);
  const values = new Float32Array(count * side * side * 3);
  for (let i = 0; i < count; i++) {
    const image = rgbOf(picture(pictures, i), pictures);
    const { data } = fitImage(image, { inputSize: [side, side], crop: 'squash' });
    values.set(data, i * side * side * 3);
  }
  return tf.tensor4d(values, [count, side, side, 3]);
}

function rgbOf(bytes: Uint8Array, { side, channels }: Pictures) {
  const data = new Uint8Array(side * side * 3);
  for (let i = 0; i < data.length; i++)
    data[i] = bytes[channels === 3 ? i : Math.floor(i / 3)] as number;
  return { width: side, height: side, data };
}

/** How each column of the network sees a picture. */
export async function look(model: tfl.LayersModel, one: Pictures): Promise<ColumnLook[]> {
  const input = inputOf(one, model.inputs[0]?.shape[1] as number);
  try {
    return await lookAt(model, input);
  } finally {
    input.dispose();
  }
}

/** What the network takes pictures for: probabilities by picture and class. */
export async function classify(model: tfl.LayersModel, pictures: Pictures): Promise<number[][]> {
  const side = model.inputs[0]?.shape[1] as number;
  const probabilities = tf.tidy(() =>
    tf.softmax(model.predict(inputOf(pictures, side)) as tf.Tensor2D),
  );
  try {
    const [, classes] = probabilities.shape;
    const values = await probabilities.data();
    return Array.from({ length: values.length / classes }, (_, i) =>
      Array.from(values.subarray(i * classes, (i + 1) * classes)),
    );
  } finally {
    probabilities.dispose();
  }
}
