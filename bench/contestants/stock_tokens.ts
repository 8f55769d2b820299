/**
 * Causal RevCol over tokens in stock tfjs operations and nothing of this package, differentiated by
 * tfjs. Reads the weights of a model made by `buildModel`.
 */
import * as tf from '@tensorflow/tfjs-core';

import type { TokenNetwork } from '../suite/workload';
import { dense, gelu, get, norm, type Weights } from './stock_image';

/** A dense layer whose kernel has heads as a dimension of its own, as one matrix. */
function headsDense(weights: Weights, path: string, x: tf.Tensor): tf.Tensor {
  const width = x.shape.at(-1) as number;
  const kernel = tf.reshape(get(weights, `${path}/kernel`), [width, -1]) as tf.Tensor2D;
  const flat = tf.reshape(x, [-1, width]) as tf.Tensor2D;
  const y = tf.add(tf.matMul(flat, kernel), tf.reshape(get(weights, `${path}/bias`), [-1]));
  return tf.reshape(y, [...x.shape.slice(0, -1), kernel.shape[1]]);
}

function attention(weights: Weights, path: string, x: tf.Tensor, heads: number): tf.Tensor {
  const [batch, time, width] = x.shape as [number, number, number];
  const split = (name: string) =>
    tf.transpose(
      tf.reshape(headsDense(weights, `${path}/${name}`, x), [batch, time, heads, width / heads]),
      [0, 2, 1, 3],
    );
  const [q, k, v] = [split('query'), split('key'), split('value')];
  const scores = tf.mul(tf.matMul(q, k, false, true), (width / heads) ** -0.5);
  const seen = tf.linalg.bandPart(tf.ones([time, time]), -1, 0);
  const hidden = tf.mul(tf.sub(1, seen), -1e9);
  const mixed = tf.matMul(tf.softmax(tf.add(scores, hidden)), v);
  const merged = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * time, width]);
  const kernel = tf.reshape(get(weights, `${path}/attention_output/kernel`), [width, width]);
  const y = tf.matMul(merged as tf.Tensor2D, kernel as tf.Tensor2D);
  return tf.reshape(tf.add(y, get(weights, `${path}/attention_output/bias`)), x.shape);
}

function block(weights: Weights, path: string, x: tf.Tensor, heads: number): tf.Tensor {
  const normed = norm(weights, `${path}/attention_norm`, x);
  const attended = tf.add(x, attention(weights, `${path}/attention`, normed, heads));
  const expanded = dense(
    weights,
    `${path}/feedforward/expand`,
    norm(weights, `${path}/feedforward_norm`, attended),
  );
  return tf.add(attended, dense(weights, `${path}/feedforward/project`, gelu(expanded)));
}

/** Sines and cosines of positions, interleaved, `[time, width]`. */
function positions(time: number, width: number): tf.Tensor {
  const values = Array.from({ length: time }, (_, p) =>
    Array.from({ length: width }, (_, c) => {
      const angle = p * 10000 ** (-(c - (c % 2)) / width);
      return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }),
  );
  return tf.tensor2d(values);
}

/** The top level of the last column, `[batch, time, width]`, of ids `[batch, time]`. */
export function stockTokenFeatures(
  weights: Weights,
  network: Omit<TokenNetwork, 'kind' | 'vocabulary'>,
  ids: tf.Tensor,
): tf.Tensor {
  const { columns, levels, depth, heads, width } = network;
  const table = get(weights, 'backbone/stem/embeddings') as tf.Tensor2D;
  const stem = tf.add(tf.gather(table, ids), positions(ids.shape[1] as number, width));
  const path = (column: number, level: number) => `backbone/column_${column}/level_${level}`;
  const fused = (name: string, x: tf.Tensor) =>
    norm(weights, `${name}_norm`, dense(weights, name, x));
  let previous: tf.Tensor[] = [];
  for (let i = 0; i < columns; i++) {
    const current: tf.Tensor[] = [];
    for (let l = 0; l < levels; l++) {
      const at = path(i, l);
      let y = l === 0 ? stem : fused(`${at}/fusion/down`, current[l - 1] as tf.Tensor);
      if (i > 0 && l < levels - 1) {
        y = tf.add(y, fused(`${at}/fusion/up`, previous[l + 1] as tf.Tensor));
      }
      for (let b = 0; b < depth; b++) y = block(weights, `${at}/block_${b}`, y, heads);
      if (i > 0) y = tf.add(y, tf.mul(previous[l] as tf.Tensor, get(weights, `${at}/alpha`)));
      current[l] = y;
    }
    previous = current;
  }
  return previous[levels - 1] as tf.Tensor;
}

/** Logits of every token, `[batch, time, vocabulary]`, of ids `[batch, time]`. */
export function stockTokensForward(
  weights: Weights,
  network: TokenNetwork,
  ids: tf.Tensor,
): tf.Tensor {
  return dense(weights, 'head', stockTokenFeatures(weights, network, ids));
}
