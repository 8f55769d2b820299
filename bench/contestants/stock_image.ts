/**
 * RevCol in stock tfjs operations and nothing of this package: what a user would write without it,
 * differentiated by tfjs. Reads the weights of a model made by `createModel`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { ImageNetwork } from '../suite/workload';

const EPSILON = 1e-6;

export type Weights = Map<string, tf.Tensor>;

/** Weights of a model by name. */
export function weightsByName(model: tfl.LayersModel): Weights {
  return new Map(model.weights.map((w) => [w.originalName, w.read()]));
}

export function get(weights: Weights, name: string): tf.Tensor {
  const weight = weights.get(name);
  if (!weight) throw new Error(`stock network: no weight ${name}`);
  return weight;
}

export function norm(weights: Weights, path: string, x: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const xhat = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(xhat, get(weights, `${path}/gamma`)), get(weights, `${path}/beta`));
}

export function dense(weights: Weights, path: string, x: tf.Tensor): tf.Tensor {
  const kernel = get(weights, `${path}/kernel`) as tf.Tensor2D;
  const flat = tf.reshape(x, [-1, kernel.shape[0]]) as tf.Tensor2D;
  const y = tf.add(tf.matMul(flat, kernel), get(weights, `${path}/bias`));
  return tf.reshape(y, [...x.shape.slice(0, -1), kernel.shape[1]]);
}

function conv(weights: Weights, path: string, x: tf.Tensor, stride: number): tf.Tensor {
  const kernel = get(weights, `${path}/kernel`) as tf.Tensor4D;
  const y = tf.conv2d(x as tf.Tensor4D, kernel, stride, 'valid');
  return tf.add(y, get(weights, `${path}/bias`));
}

export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

function block(weights: Weights, path: string, x: tf.Tensor): tf.Tensor {
  const kernel = get(weights, `${path}/depthwise/kernel`) as tf.Tensor4D;
  const depthwise = tf.add(
    tf.depthwiseConv2d(x as tf.Tensor4D, kernel, 1, 'same'),
    get(weights, `${path}/depthwise/bias`),
  );
  const hidden = gelu(dense(weights, `${path}/expand`, norm(weights, `${path}/norm`, depthwise)));
  const y = dense(weights, `${path}/project`, hidden);
  return tf.add(x, tf.mul(y, get(weights, `${path}/layer_scale`)));
}

function up(weights: Weights, path: string, x: tf.Tensor, like: tf.Tensor): tf.Tensor {
  const y = norm(weights, `${path}_norm`, dense(weights, path, x));
  return tf.image.resizeNearestNeighbor(
    y as tf.Tensor4D,
    like.shape.slice(1, 3) as [number, number],
  );
}

/** Logits of a batch of images, `[batch, height, width, 3]`. */
export function stockImageForward(
  weights: Weights,
  layout: Pick<ImageNetwork, 'columns' | 'channels' | 'depths' | 'patchSize'>,
  x: tf.Tensor,
): tf.Tensor {
  const stem = norm(
    weights,
    'backbone/stem/norm',
    conv(weights, 'backbone/stem/projection', x, layout.patchSize),
  );
  let previous: tf.Tensor[] = [];
  for (let i = 0; i < layout.columns; i++) {
    const current: tf.Tensor[] = [];
    for (let l = 0; l < layout.channels.length; l++) {
      const path = `backbone/column_${i}/level_${l}`;
      let y =
        l === 0
          ? stem
          : norm(
              weights,
              `${path}/fusion/down_norm`,
              conv(weights, `${path}/fusion/down`, current[l - 1] as tf.Tensor, 2),
            );
      if (i > 0 && l < layout.channels.length - 1) {
        y = tf.add(y, up(weights, `${path}/fusion/up`, previous[l + 1] as tf.Tensor, y));
      }
      for (let b = 0; b < (layout.depths[l] as number); b++) {
        y = block(weights, `${path}/block_${b}`, y);
      }
      if (i > 0) {
        y = tf.add(y, tf.mul(previous[l] as tf.Tensor, get(weights, `${path}/alpha`)));
      }
      current[l] = y;
    }
    previous = current;
  }
  const top = previous[layout.channels.length - 1] as tf.Tensor;
  return dense(weights, 'head/classifier', norm(weights, 'head/norm', tf.mean(top, [1, 2])));
}
