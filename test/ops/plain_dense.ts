/** The operations of segmentation heads in stock tfjs ones, which tfjs differentiates. */
import * as tf from '@tensorflow/tfjs';

/** Weights of inputs for outputs along an axis, as a matrix `[to, from]`. */
type Matrix = (from: number, to: number) => number[][];

/** Each bin's share in each pixel, told by looking at every pixel. */
const binned: Matrix = (from, to) =>
  Array.from({ length: to }, (_, bin) => {
    const inside = (pixel: number) =>
      (pixel + 1) * to > bin * from && pixel * to < (bin + 1) * from;
    const row = Array.from({ length: from }, (__, pixel) => Number(inside(pixel)));
    const count = row.reduce((a, b) => a + b, 0);
    return row.map((share) => share / count);
  });

/** Triangles around each output's centre, the ends held. */
const interpolated: Matrix = (from, to) =>
  Array.from({ length: to }, (_, i) => {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    return Array.from({ length: from }, (__, pixel) => Math.max(0, 1 - Math.abs(pixel - at)));
  });

function byMatrices(x: tf.Tensor, height: number, width: number, matrix: Matrix): tf.Tensor {
  const [batch, h, w, c] = x.shape as [number, number, number, number];
  const rows = tf.tensor2d(matrix(h, height), [height, h]);
  const cols = tf.tensor2d(matrix(w, width), [width, w]);
  const tall = tf.matMul(rows, tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [h, batch * w * c]));
  const back = tf.transpose(tf.reshape(tall, [height, batch, w, c]), [2, 1, 0, 3]);
  const wide = tf.matMul(cols, tf.reshape(back, [w, batch * height * c]) as tf.Tensor2D);
  return tf.transpose(tf.reshape(wide, [width, batch, height, c]), [1, 2, 0, 3]);
}

export function plainAdaptivePool(x: tf.Tensor, size: number): tf.Tensor {
  return byMatrices(x, size, size, binned);
}

export function plainResize(x: tf.Tensor, height: number, width: number): tf.Tensor {
  return byMatrices(x, height, width, interpolated);
}

export function plainConv(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same');
}

export function plainDoubling(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const [batch, height, width] = x.shape as [number, number, number, number];
  const filter = tf.transpose(kernel, [1, 2, 3, 0]) as tf.Tensor4D;
  const shape: [number, number, number, number] = [batch, 2 * height, 2 * width, filter.shape[2]];
  return tf.conv2dTranspose(x as tf.Tensor4D, filter, shape, 2, 'valid');
}

/** Batch normalisation by the statistics of the batch, which tfjs differentiates through. */
export function plainBatchNorm(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  relu: boolean,
): tf.Tensor {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return plainFrozenNorm(x, gamma, beta, { mean, variance }, relu);
}

export function plainFrozenNorm(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  { mean, variance }: { mean: tf.Tensor; variance: tf.Tensor },
  relu: boolean,
): tf.Tensor {
  const xhat = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5)));
  const y = tf.add(tf.mul(xhat, gamma), beta);
  return relu ? tf.relu(y) : y;
}

/** Mean over all pixels, those of label 255 as 0. */
export function plainPixelCrossEntropy(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const [, height, width] = labels.shape as [number, number, number];
  const classes = logits.shape[3] as number;
  const sized = plainResize(logits, height, width);
  const hot = tf.cast(tf.oneHot(tf.cast(labels, 'int32'), classes), 'float32');
  return tf.div(tf.neg(tf.sum(tf.mul(tf.logSoftmax(sized), hot))), labels.size);
}
