/** One small matrix times every matrix of a batch: how images are resized along one axis. */
import * as tf from '@tensorflow/tfjs-core';

/** `m` `[i, j]` times every matrix of `x` `[n, j, k]`: `[n, i, k]`. */
export function leftProduct(m: tf.Tensor2D, x: tf.Tensor): tf.Tensor {
  const [n, j, k] = x.shape as [number, number, number];
  const flat = tf.reshape(tf.transpose(x, [1, 0, 2]), [j, n * k]);
  const product = tf.matMul(m, flat as tf.Tensor2D);
  return tf.transpose(tf.reshape(product, [m.shape[0], n, k]), [1, 0, 2]);
}
