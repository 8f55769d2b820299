/** Batch normalisation, with ReLU behind it: by the batch's statistics or by running ones. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import { columnSum } from '../column_sum';
import { defineOp } from '../engine/define_op';
import { withFreshTape } from '../engine/engine';
import { free, tidyAll } from '../engine/tensors';
import { affineForward, affineGradients } from '../layer_norm';

/** Epsilon of every batch normalisation in the published models. */
export const BATCH_NORM_EPSILON = 1e-5;

/** Share of a batch in the running statistics: PyTorch's momentum. */
export const BATCH_NORM_MOMENTUM = 0.1;

/** Mean and variance of each channel, `[channels]`. */
export interface Moments {
  mean: tf.Tensor;
  variance: tf.Tensor;
}

/** Running statistics: what a batch normalisation knows of all batches before. */
export interface RunningStatistics {
  /** `[channels]`. */
  mean: tf.Variable;
  /** `[channels]`, unbiased. */
  variance: tf.Variable;
  /** Number of batches that they have seen: a scalar. */
  batches: tf.Variable;
}

interface Attrs {
  epsilon: number;
  /** Whether mean and variance are those of `x`, so that they change with it. */
  ofBatch: boolean;
  relu: boolean;
}

/** Values of each channel in `[..., channels]`. */
function valuesPerChannel(shape: readonly number[]): number {
  return tf.util.sizeFromShape(shape.slice(0, -1));
}

/**
 * Mean and biased variance of each channel, over all other axes. No tape sees it: the gradient of
 * `batchNorm` takes into account that they depend on `x`.
 *
 * @throws {Error} when there is only one value per channel, which has no variance
 */
export function batchMoments(x: tf.Tensor): Moments {
  const count = valuesPerChannel(x.shape);
  if (count < 2) {
    throw new Error(
      `batch normalisation: an input of shape ${show(x.shape)} has ${count} value per channel, of which ` +
        `there are no statistics; train with at least 2 images per batch, or freeze the layer`,
    );
  }
  return withFreshTape(() =>
    tidyAll(() => {
      const mean = tf.div(columnSum(x), count);
      const squares = tf.tidy(() => tf.square(tf.sub(x, mean)));
      return { mean, variance: tf.div(columnSum(squares), count) };
    }),
  );
}

/**
 * Lets running statistics take in a batch: `running = 0.9 running + 0.1 batch`, with the unbiased
 * variance, and one more batch counted. Where a computation is repeated for its gradient
 * (`recompute`, the reversible walk) the writes of the repetition are undone there, so that they step
 * once.
 *
 * @param shape that of the input that the moments are of
 */
export function stepStatistics(
  running: RunningStatistics,
  { mean, variance }: Moments,
  shape: readonly number[],
): void {
  const count = valuesPerChannel(shape);
  withFreshTape(() =>
    tf.tidy(() => {
      const step = (variable: tf.Variable, batch: tf.Tensor) => {
        const kept = tf.mul(variable, 1 - BATCH_NORM_MOMENTUM);
        variable.assign(tf.add(kept, tf.mul(batch, BATCH_NORM_MOMENTUM)));
      };
      step(running.mean, mean);
      step(running.variance, tf.mul(variance, count / (count - 1)));
      running.batches.assign(tf.add(running.batches, 1));
    }),
  );
}

/** `(x - mean) / sqrt(variance + epsilon)`. */
function normalize(x: tf.Tensor, { mean, variance }: Moments, epsilon: number): tf.Tensor {
  return tf.tidy(() => tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon))));
}

/** `dy`, where a ReLU has let the value pass. */
function throughRelu(dy: tf.Tensor, xhat: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const passed = tf.greater(affineForward(xhat, gamma, beta), 0);
    return tf.mul(dy, tf.cast(passed, 'float32'));
  });
}

const batchNormOp = defineOp({
  name: 'RevColBatchNorm',
  inputs: ['x', 'gamma', 'beta', 'mean', 'variance'],
  forward: ({ x, gamma, beta, mean, variance }, { epsilon, relu }: Attrs) => {
    const xhat = normalize(x, { mean, variance }, epsilon);
    const y = affineForward(xhat, gamma, beta);
    free(xhat);
    return relu ? tf.relu(y) : y;
  },
  backward: (dy, { x, gamma, beta, mean, variance }, { epsilon, ofBatch, relu }) => {
    // All at once: each would make the normalised input again.
    const [dx, dGamma, dBeta] = tidyAll((): [tf.Tensor, tf.Tensor, tf.Tensor] => {
      const normalized = normalize(x, { mean, variance }, epsilon);
      const d = relu ? throughRelu(dy, normalized, gamma, beta) : tf.clone(dy);
      const [dScale, dShift] = affineGradients(d, { xhat: normalized });
      const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
      if (!ofBatch) return [tf.mul(d, scale), dScale, dShift];
      const count = valuesPerChannel(x.shape);
      const along = tf.mul(normalized, tf.div(dScale, count));
      free(normalized);
      const rest = tf.tidy(() => tf.sub(tf.sub(d, tf.div(dShift, count)), along));
      free(d, along);
      return [tf.mul(rest, scale), dScale, dShift];
    });
    return {
      x: () => dx,
      gamma: () => dGamma,
      beta: () => dBeta,
      mean: null,
      variance: null,
    };
  },
});

/**
 * Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) with given statistics, as one tape
 * node that saves its input: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, then ReLU if asked
 * for.
 *
 * @param x `[..., channels]`, float32
 * @param gamma scale, `[channels]`
 * @param beta shift, `[channels]`
 * @param moments those of `x` (`batchMoments`), through which the gradient then flows, or running ones
 * @param options.ofBatch whether they are those of `x`
 * @param options.relu whether a ReLU follows. Default false
 * @param options.epsilon added to the variance. Default 1e-5
 */
export function batchNorm(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  { mean, variance }: Moments,
  { ofBatch, relu = false, epsilon = BATCH_NORM_EPSILON }: Partial<Attrs> & Pick<Attrs, 'ofBatch'>,
): tf.Tensor {
  return batchNormOp({ x, gamma, beta, mean, variance }, { ofBatch, relu, epsilon });
}
