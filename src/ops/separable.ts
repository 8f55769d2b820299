/** Linear maps of images that treat rows and columns apart, each by a matrix: resizing and pooling. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp, type Op } from './engine/define_op';
import { leftProduct } from './left_product';

/** What one output reads along an axis: input numbers with their weights. One input may occur twice. */
export type AxisReads = readonly (readonly [input: number, weight: number])[];

/** What output `i` of `to` reads of `from` inputs along an axis. */
export type AxisRule = (i: number, from: number, to: number) => AxisReads;

/** `[to, from]`: row `i` holds the weights with which output `i` reads the inputs. */
function axisMatrix(rule: AxisRule, from: number, to: number): tf.Tensor2D {
  const values = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    for (const [input, weight] of rule(i, from, to)) {
      const at = i * from + input;
      values[at] = (values[at] as number) + weight;
    }
  }
  return tf.tensor2d(values, [to, from]);
}

/** Multiplies rows, then columns, of every image of `x` by a matrix. */
function separable(x: tf.Tensor, rows: tf.Tensor2D, cols: tf.Tensor2D): tf.Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [h, w] = [rows.shape[0], cols.shape[0]];
  const tall = leftProduct(rows, tf.reshape(x, [batch, height, width * channels]));
  const both = leftProduct(cols, tf.reshape(tall, [batch * h, width, channels]));
  return tf.reshape(both, [batch, h, w, channels]);
}

/**
 * The rule along both axes of `[batch, height, width, channels]` images, without a tape node.
 *
 * @returns `[batch, size[0], size[1], channels]`
 */
export function separableForward(
  rule: AxisRule,
  x: tf.Tensor,
  [height, width]: readonly [number, number],
): tf.Tensor {
  const [, h, w] = x.shape as [number, number, number];
  return tf.tidy(() => separable(x, axisMatrix(rule, h, height), axisMatrix(rule, w, width)));
}

/** Gradient of `separableForward`: the transposed matrices. */
export function separableBackward(
  rule: AxisRule,
  dy: tf.Tensor,
  inputShape: readonly number[],
): tf.Tensor {
  const [, h, w] = inputShape as readonly [number, number, number];
  const [, height, width] = dy.shape as [number, number, number];
  const transposed = (from: number, to: number) =>
    tf.transpose(axisMatrix(rule, from, to)) as tf.Tensor2D;
  return tf.tidy(() => separable(dy, transposed(h, height), transposed(w, width)));
}

/** Attributes of what `defineSeparable` makes. */
interface SizeAttrs {
  height: number;
  width: number;
}

/**
 * The rule as one tape node, whose gradient is the same on every backend.
 *
 * @param name kernel name, unique in the process
 * @param forward another way to compute the same; default: by the rule
 */
export function defineSeparable(
  name: string,
  rule: AxisRule,
  forward: (x: tf.Tensor, size: [number, number]) => tf.Tensor = (x, size) =>
    separableForward(rule, x, size),
): Op<'x', SizeAttrs> {
  return defineOp({
    name,
    inputs: ['x'],
    forward: ({ x }, { height, width }: SizeAttrs) => forward(x, [height, width]),
    backward: (dy, { x }) => ({ x: () => separableBackward(rule, dy, x.shape) }),
  });
}
