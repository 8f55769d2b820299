/**
 * Class activation maps by column (Zhou et al. 2016, arXiv 1512.04150): what each place of a picture says for each
 * class, read by the network's head from the top level of each column.
 *
 * The head is a mean over places, LayerNorm and a linear layer. For one picture LayerNorm's mean and deviation
 * are given, so that the head is linear in the features, and a logit is the mean over places of the map, plus a
 * constant of the class. The head was trained on the last column; what it says of earlier ones tells how far
 * their features have come.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { layers } from 'tfjs-revcol/layers';
import type { ColumnLook } from '../shared/messages';

type Backbone = ReturnType<typeof layers.revColBackbone>;

/** As the head's LayerNorm has it. */
const EPSILON = 1e-6;

/** What a head has learned, with `channels` inputs and `classes` outputs. */
export interface HeadWeights {
  /** Scale and shift of LayerNorm, `[channels]`. */
  gamma: tf.Tensor1D;
  beta: tf.Tensor1D;
  /** `[channels, classes]` and `[classes]`. */
  kernel: tf.Tensor2D;
  bias: tf.Tensor1D;
}

/** Of one picture; the caller disposes them. */
export interface Evidence {
  /** For each class at each place, `[height, width, classes]`. */
  maps: tf.Tensor3D;
  /** What a logit has beside the mean of its map, `[classes]`. */
  constants: tf.Tensor1D;
}

/** @param features of one picture, `[height, width, channels]` */
export function evidenceOf(features: tf.Tensor3D, head: HeadWeights): Evidence {
  return tf.tidy(() => {
    const [height, width, channels] = features.shape;
    const { gamma, beta, kernel, bias } = head;
    const rows = tf.reshape(features, [height * width, channels]);
    const { variance } = tf.moments(tf.mean(rows, 0));
    const weights = tf.mul(kernel, tf.expandDims(gamma, 1));
    const centered = tf.sub(rows, tf.mean(rows, 1, true));
    const maps = tf.mul(tf.matMul(centered, weights), tf.rsqrt(tf.add(variance, EPSILON)));
    const shift = tf.squeeze(tf.matMul(tf.expandDims(beta, 0), kernel), [0]);
    return {
      maps: tf.reshape<tf.Rank.R3>(maps, [height, width, kernel.shape[1]]),
      constants: tf.add(shift, bias) as tf.Tensor1D,
    };
  });
}

/** The top level of each column, `[batch, height, width, channels]`; the caller disposes them. */
export function topLevels(backbone: Backbone, images: tf.Tensor4D): tf.Tensor4D[] {
  return tf.tidy(() => {
    const { pixelMean, pixelStd } = backbone.pixels;
    const centered = tf.sub(images, (pixelMean ?? 0) as tf.TensorLike);
    const input = tf.div(centered, (pixelStd ?? 1) as tf.TensorLike);
    const stem = backbone.stem.apply(input) as tf.Tensor;
    let levels: tf.Tensor[] = [];
    return backbone.columnLayers.map((column) => {
      levels = column.apply(levels.length === 0 ? stem : [stem, ...levels]) as tf.Tensor[];
      return levels.at(-1) as tf.Tensor4D;
    });
  });
}

function headWeightsOf(head: tfl.layers.Layer): HeadWeights {
  const [gamma, beta, kernel, bias] = head.getWeights();
  return { gamma, beta, kernel, bias } as HeadWeights;
}

/**
 * How each column of a network sees a picture.
 *
 * @param model a backbone and a head
 * @param image what the network takes, `[1, height, width, channels]`
 */
export async function lookAt(model: tfl.LayersModel, image: tf.Tensor4D): Promise<ColumnLook[]> {
  const backbone = model.getLayer('backbone') as unknown as Backbone;
  const head = headWeightsOf(model.getLayer('head'));
  const tensors = tf.tidy(() =>
    topLevels(backbone, image).map((features) => {
      const { maps, constants } = evidenceOf(tf.squeeze(features, [0]), head);
      const probabilities = tf.softmax(tf.add(tf.mean(maps, [0, 1]), constants) as tf.Tensor1D);
      return { maps: tf.transpose(maps, [2, 0, 1]), probabilities };
    }),
  );
  try {
    const looks: ColumnLook[] = [];
    for (const { maps, probabilities } of tensors) {
      const [classes, height, width] = maps.shape as [number, number, number];
      const values = (await maps.data()) as Float32Array;
      const size = height * width;
      looks.push({
        probabilities: Array.from(await probabilities.data()),
        height,
        width,
        maps: Array.from({ length: classes }, (_, i) =>
          Array.from(values.subarray(i * size, (i + 1) * size)),
        ),
      });
    }
    return looks;
  } finally {
    tf.dispose(tensors as unknown as tf.TensorContainer);
  }
}
