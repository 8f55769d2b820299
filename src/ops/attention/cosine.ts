/** Scaled cosine attention: heads at unit length, and their learned temperature. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from '../engine/define_op';

/** Largest `exp(logit_scale)` (Liu et al. 2022, arXiv 2111.09883, section 3.2). */
export const MAX_LOGIT_SCALE = 100;

/** Smallest norm divided by. */
const MIN_NORM = 1e-12;

function byHeads(x: tf.Tensor, numHeads: number): tf.Tensor4D {
  const [batch, time, width] = x.shape as [number, number, number];
  return tf.reshape(x, [batch, time, numHeads, width / numHeads]);
}

/** Unit vectors per head `[batch, time, heads, depth]` and `1 / norm` of each. */
function unit(x: tf.Tensor, numHeads: number): { u: tf.Tensor; inverse: tf.Tensor } {
  const split = byHeads(x, numHeads);
  const norm = tf.maximum(tf.sqrt(tf.sum(tf.square(split), -1, true)), MIN_NORM);
  const inverse = tf.reciprocal(norm);
  return { u: tf.mul(split, inverse), inverse };
}

/** `exp(logitScale)` clamped, `[heads, 1]`, to multiply `[..., heads, depth]`. */
function temperature(logitScale: tf.Tensor): tf.Tensor {
  return tf.reshape(tf.exp(tf.minimum(logitScale, Math.log(MAX_LOGIT_SCALE))), [-1, 1]);
}

/** Each head's part of `x` `[batch, time, heads * depth]` at unit length, without a tape node. */
export function unitHeadsForward(x: tf.Tensor, numHeads: number): tf.Tensor {
  return tf.tidy(() => tf.reshape(unit(x, numHeads).u, x.shape));
}

/** Gradient of `unitHeadsForward`. */
export function unitHeadsBackward(dy: tf.Tensor, x: tf.Tensor, numHeads: number): tf.Tensor {
  return tf.tidy(() => {
    const { u, inverse } = unit(x, numHeads);
    const d = byHeads(dy, numHeads);
    const along = tf.mul(u, tf.sum(tf.mul(d, u), -1, true));
    return tf.reshape(tf.mul(tf.sub(d, along), inverse), x.shape);
  });
}

/** Multiplies each head by its temperature, without a tape node. */
export function scaleHeadsForward(x: tf.Tensor, logitScale: tf.Tensor): tf.Tensor {
  return tf.tidy(() =>
    tf.reshape(tf.mul(byHeads(x, logitScale.size), temperature(logitScale)), x.shape),
  );
}

/** Gradient of `scaleHeadsForward` with respect to the logit scale; none where it is clamped. */
export function scaleHeadsBackwardScale(
  dy: tf.Tensor,
  x: tf.Tensor,
  logitScale: tf.Tensor,
): tf.Tensor {
  const numHeads = logitScale.size;
  return tf.tidy(() => {
    const products = byHeads(tf.mul(dy, x), numHeads);
    const sums = tf.reshape(tf.sum(products, [0, 1, 3]), logitScale.shape);
    const factor = tf.reshape(temperature(logitScale), logitScale.shape);
    const free = tf.cast(tf.lessEqual(logitScale, Math.log(MAX_LOGIT_SCALE)), 'float32');
    return tf.mul(tf.mul(sums, factor), free);
  });
}

const unitHeadsOp = defineOp({
  name: 'RevColUnitHeads',
  inputs: ['x'],
  forward: ({ x }, { numHeads }: { numHeads: number }) => unitHeadsForward(x, numHeads),
  backward: (dy, { x }, { numHeads }) => ({ x: () => unitHeadsBackward(dy, x, numHeads) }),
});

const scaleHeadsOp = defineOp({
  name: 'RevColScaleHeads',
  inputs: ['x', 'logitScale'],
  forward: ({ x, logitScale }) => scaleHeadsForward(x, logitScale),
  backward: (dy, { x, logitScale }) => ({
    x: () => scaleHeadsForward(dy, logitScale),
    logitScale: () => scaleHeadsBackwardScale(dy, x, logitScale),
  }),
});

/**
 * Brings each head's part of the last axis to unit length, as one tape node: queries and keys of
 * scaled cosine attention.
 *
 * @param x `[batch, time, heads * depth]`
 */
export function unitHeads(x: tf.Tensor, numHeads: number): tf.Tensor {
  return unitHeadsOp({ x }, { numHeads });
}

/**
 * Multiplies each head by `min(exp(logitScale), 100)`, its learned inverse temperature, as one tape
 * node.
 *
 * @param x `[batch, time, heads * depth]`
 * @param logitScale `[heads]`
 */
export function scaleHeads(x: tf.Tensor, logitScale: tf.Tensor): tf.Tensor {
  return scaleHeadsOp({ x, logitScale });
}
