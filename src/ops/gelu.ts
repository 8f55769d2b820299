import * as tf from '@tensorflow/tfjs-core';

import { defineOp, runFused } from './define_op';

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

/** Exact (erf) GELU, `x * Phi(x)`, without a tape node. */
export function geluForward(x: tf.Tensor): tf.Tensor {
  return runFused('RevColGelu', { x }, {}, () =>
    tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, SQRT_HALF)), 1)),
  );
}

/** Gradient of the exact GELU: `dy * (Phi(x) + x * phi(x))`. */
export function geluBackward(dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  return runFused('RevColGeluGrad', { x, dy }, {}, () => {
    const cdf = tf.tidy(() => tf.mul(tf.add(tf.erf(tf.mul(x, SQRT_HALF)), 1), 0.5));
    const slope = tf.tidy(() =>
      tf.mul(tf.mul(x, INV_SQRT_2PI), tf.exp(tf.mul(tf.square(x), -0.5))),
    );
    return tf.mul(dy, tf.add(cdf, slope));
  });
}

const geluOp = defineOp<object>({
  name: 'RevColExactGelu',
  inputNames: ['x'],
  forward: ([x]) => geluForward(x as tf.Tensor),
  backward: (dy, [x]) => [() => geluBackward(dy, x as tf.Tensor)],
});

/** Exact (erf) GELU of a float32 tensor of any shape, as one tape node that saves its input. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return geluOp([x], {});
}
