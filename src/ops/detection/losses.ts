/** What the losses of detectors are made of, each as a tape node. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';
import { scatterRows } from '../scatter_rows';

const takeRowsOp = defineOp({
  name: 'RevColTakeRows',
  inputs: ['x', 'places'],
  forward: ({ x, places }, { width }: { width: number }) =>
    tf.gather(tf.reshape(x, [-1, width]), places as tf.Tensor1D),
  backward: (dy, { x, places }, { width }) => ({
    x: () => tf.reshape(scatterRows(dy, places, x.size / width), x.shape),
    places: null,
  }),
});

/**
 * Some of the values of a tensor, taken for rows of so many: deltas of chosen anchors, or of the class that a
 * box has; as one tape node.
 *
 * @param x of any shape, float32; its last axes hold whole rows
 * @param width values of a row
 * @param places numbers of rows
 * @returns `[places, width]`
 */
export function takeRows(x: tf.Tensor, width: number, places: ArrayLike<number>): tf.Tensor2D {
  return tf.tidy(() => {
    const numbers = tf.tensor1d(new Int32Array(places), 'int32');
    return takeRowsOp({ x, places: numbers }, { width }) as tf.Tensor2D;
  });
}

const smoothL1Op = defineOp({
  name: 'RevColSmoothL1',
  inputs: ['x', 'targets'],
  forward: ({ x, targets }, { beta }: { beta: number }) => {
    const distance = tf.abs(tf.sub(x, targets));
    const near = tf.div(tf.mul(tf.square(distance), 0.5), beta);
    return tf.where(tf.less(distance, beta), near, tf.sub(distance, 0.5 * beta));
  },
  backward: (dy, { x, targets }, { beta }) => ({
    x: () => tf.mul(dy, tf.clipByValue(tf.div(tf.sub(x, targets), beta), -1, 1)),
    targets: null,
  }),
});

/**
 * Smooth L1 loss of each value (Girshick 2015, arXiv 1504.08083, equation 3), as one tape node: of a distance
 * d below `beta`, `d^2 / (2 beta)`, else `d - beta / 2`. Targets have no gradient.
 *
 * @param x of any shape, float32
 * @param targets of the same shape
 * @param beta above 0. Published: 1 / 9
 */
export function smoothL1(x: tf.Tensor, targets: tf.Tensor, beta: number): tf.Tensor {
  return smoothL1Op({ x, targets }, { beta });
}

const scaledSumOp = defineOp({
  name: 'RevColScaledSum',
  inputs: ['x'],
  forward: ({ x }, { scale, offset }: { scale: number; offset: number }) =>
    tf.add(tf.mul(tf.sum(x), scale), offset),
  backward: (dy, { x }, { scale }) => ({ x: () => tf.mul(tf.ones(x.shape), tf.mul(dy, scale)) }),
});

/** `scale * sum(x) + offset`, a scalar, as one tape node. */
export function scaledSum(x: tf.Tensor, scale: number, offset = 0): tf.Scalar {
  return scaledSumOp({ x }, { scale, offset }) as tf.Scalar;
}
