/** The package's operations in stock tfjs ones, which tfjs differentiates. */
import * as tf from '@tensorflow/tfjs';

export function plainLinear(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const rows = tf.reshape(x, [-1, w.shape[0] as number]);
  const y = tf.add(tf.matMul(rows, w as tf.Tensor2D), b);
  return tf.reshape(y, [...x.shape.slice(0, -1), w.shape[1] as number]);
}

export function plainLayerNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const deviation = tf.sqrt(tf.add(tf.mean(tf.square(centered), -1, true), 1e-6));
  return tf.add(tf.mul(tf.div(centered, deviation), gamma), beta);
}

export function plainGelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.erf(tf.div(x, Math.SQRT2))));
}

export function plainDepthwise(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.add(tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same'), bias);
}

export function plainPatchConv(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const size = kernel.shape[0] as number;
  return tf.add(tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, size, 'valid'), bias);
}

export function plainUnpatch(x: tf.Tensor, size: number): tf.Tensor {
  const [b, h, w, depth] = x.shape as [number, number, number, number];
  const c = depth / size ** 2;
  const split = tf.reshape(x, [b, h, w, size, size, c]);
  return tf.reshape(tf.transpose(split, [0, 1, 3, 2, 4, 5]), [b, h * size, w * size, c]);
}

/** Nearest resize of `[b, h, w, c]` by reading rows and columns. */
export function plainNearest(x: tf.Tensor, height: number, width: number): tf.Tensor {
  const indices = (from: number, to: number) =>
    tf.tensor1d(
      Array.from({ length: to }, (_, i) => Math.floor((i * from) / to)),
      'int32',
    );
  const [, rows, cols] = x.shape as [number, number, number];
  return tf.gather(tf.gather(x, indices(rows, height), 1), indices(cols, width), 2);
}
