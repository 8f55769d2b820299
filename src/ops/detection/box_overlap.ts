/** How far boxes overlap: intersection over union, and its generalised form, with their gradients. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import { defineOp, type OpInputs } from '../engine/define_op';
import { disposingTapeOnError } from '../engine/engine';

/** Least area that a union or a hull counts with. */
const LEAST_AREA = 1e-6;

type Inputs = OpInputs<'a' | 'b'>;

/** Corners of boxes `[..., 4]`: upper left, lower right, each `[..., 2]`. */
function corners(boxes: tf.Tensor): [tf.Tensor, tf.Tensor] {
  return tf.split(boxes, 2, -1) as [tf.Tensor, tf.Tensor];
}

/** Product of the two values of the last axis, `[..., 1]`. */
function product(sides: tf.Tensor): tf.Tensor {
  const [width, height] = tf.split(sides, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.mul(width, height);
}

/** The other one of the two values of the last axis, in each place. */
const swapped = (sides: tf.Tensor) => tf.reverse(sides, -1);

/** Areas and sides of what two lists of boxes have in common, `[..., 1]` and `[..., 2]`. */
function measures(a: tf.Tensor, b: tf.Tensor) {
  const [[aLow, aHigh], [bLow, bHigh]] = [corners(a), corners(b)];
  const inner = tf.sub(tf.minimum(aHigh, bHigh), tf.maximum(aLow, bLow));
  const hull = tf.sub(tf.maximum(aHigh, bHigh), tf.minimum(aLow, bLow));
  const intersection = product(tf.relu(inner));
  const areas = tf.add(product(tf.sub(aHigh, aLow)), product(tf.sub(bHigh, bLow)));
  const sum = tf.sub(areas, intersection);
  return { inner, hull, intersection, sum, union: tf.maximum(sum, LEAST_AREA) };
}

/** 1 where x > y, 1/2 where they are equal, else 0: the share of a maximum's gradient. */
function share(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const over = tf.cast(tf.greater(x, y), 'float32');
  return tf.add(over, tf.mul(tf.cast(tf.equal(x, y), 'float32'), 0.5));
}

const isAtLeast = (x: tf.Tensor, least: number) => tf.cast(tf.greaterEqual(x, least), 'float32');

/** Gradients of areas, each `[..., 1]`, as the gradient of the boxes `a`, of the common shape. */
function boxGradient(
  a: tf.Tensor,
  b: tf.Tensor,
  d: { area: tf.Tensor; intersection: tf.Tensor; hull: tf.Tensor | null },
): tf.Tensor {
  const { inner, hull } = measures(a, b);
  const [[aLow, aHigh], [bLow, bHigh]] = [corners(a), corners(b)];
  const dSides = tf.mul(d.area, swapped(tf.sub(aHigh, aLow)));
  const dInner = tf.mul(tf.mul(d.intersection, swapped(tf.relu(inner))), isAtLeast(inner, 0));
  let low = tf.neg(tf.add(dSides, tf.mul(dInner, share(aLow, bLow))));
  let high = tf.add(dSides, tf.mul(dInner, share(bHigh, aHigh)));
  if (d.hull) {
    const dHull = tf.mul(d.hull, swapped(hull));
    low = tf.sub(low, tf.mul(dHull, share(bLow, aLow)));
    high = tf.add(high, tf.mul(dHull, share(aHigh, bHigh)));
  }
  return tf.concat([low, high], -1);
}

/** Gradients of areas from that of the overlap. */
function iouGradients({ a, b }: Inputs, dy: tf.Tensor) {
  const { intersection, sum, union } = measures(a, b);
  const over = tf.div(dy, union);
  const area = tf.mul(
    tf.neg(tf.div(tf.mul(over, intersection), union)),
    isAtLeast(sum, LEAST_AREA),
  );
  return { area, intersection: tf.sub(over, area), hull: null };
}

function giouGradients({ a, b }: Inputs, dy: tf.Tensor) {
  const { intersection, sum, union, hull } = measures(a, b);
  const around = product(hull);
  const least = tf.maximum(around, LEAST_AREA);
  const over = tf.div(dy, union);
  const byUnion = tf.sub(tf.div(dy, least), tf.div(tf.mul(over, intersection), union));
  const area = tf.mul(byUnion, isAtLeast(sum, LEAST_AREA));
  const byHull = tf.neg(tf.div(tf.mul(dy, union), tf.square(least)));
  return {
    area,
    intersection: tf.sub(over, area),
    hull: tf.mul(byHull, isAtLeast(around, LEAST_AREA)),
  };
}

const pairwise = ({ a, b }: Inputs): Inputs => ({ a: tf.expandDims(a, 1), b: tf.expandDims(b, 0) });

const iouOp = defineOp({
  name: 'RevColBoxOverlaps',
  inputs: ['a', 'b'],
  forward: (boxes) => {
    const pairs = pairwise(boxes);
    const { intersection, union } = measures(pairs.a, pairs.b);
    return tf.squeeze(tf.div(intersection, union), [2]);
  },
  backward: (dy, boxes) => {
    const gradient = (of: 'a' | 'b', along: number) => {
      const { a, b } = pairwise(boxes);
      const d = iouGradients({ a, b }, tf.expandDims(dy, 2));
      return tf.sum(of === 'a' ? boxGradient(a, b, d) : boxGradient(b, a, d), along);
    };
    return { a: () => gradient('a', 1), b: () => gradient('b', 0) };
  },
});

const giouOp = defineOp({
  name: 'RevColGeneralizedOverlap',
  inputs: ['a', 'b'],
  forward: ({ a, b }) => {
    const { intersection, union, hull } = measures(a, b);
    const around = tf.maximum(product(hull), LEAST_AREA);
    const empty = tf.div(tf.sub(around, union), around);
    return tf.squeeze(tf.sub(tf.div(intersection, union), empty), [1]);
  },
  backward: (dy, boxes) => {
    const d = () => giouGradients(boxes, tf.expandDims(dy, 1));
    return {
      a: () => boxGradient(boxes.a, boxes.b, d()),
      b: () => boxGradient(boxes.b, boxes.a, d()),
    };
  },
});

function checkBoxes(owner: string, boxes: Inputs, sameCount: boolean): void {
  const fits = Object.values(boxes).every((x: tf.Tensor) => x.rank === 2 && x.shape[1] === 4);
  if (fits && (!sameCount || boxes.a.shape[0] === boxes.b.shape[0])) return;
  throw new Error(
    `${owner}: boxes of shapes ${show(boxes.a.shape)} and ${show(boxes.b.shape)}; expected ` +
      (sameCount ? '[n, 4] twice' : '[m, 4] and [n, 4]'),
  );
}

/**
 * Intersection over union of each box of one list with each of another, as one tape node; a union counts at
 * least 1e-6.
 *
 * @param a `[m, 4]`: `x1, y1, x2, y2`, float32
 * @param b `[n, 4]`
 * @returns `[m, n]`
 * @throws {Error} when they are no boxes
 */
export function boxOverlaps(a: tf.Tensor, b: tf.Tensor): tf.Tensor2D {
  disposingTapeOnError(() => checkBoxes('boxOverlaps', { a, b }, false));
  return iouOp({ a, b }) as tf.Tensor2D;
}

/**
 * Generalised intersection over union (Rezatofighi et al. 2019, arXiv 1902.09630) of pairs of boxes, as one
 * tape node: with the smallest box around both, of area H, and the area U of their union,
 * `intersection / U - (H - U) / H`. Both areas count at least 1e-6.
 *
 * @param a `[n, 4]`: `x1, y1, x2, y2`, float32
 * @param b `[n, 4]`
 * @returns `[n]`, from -1 to 1
 * @throws {Error} when they are no boxes, or not as many
 */
export function generalizedOverlap(a: tf.Tensor, b: tf.Tensor): tf.Tensor1D {
  disposingTapeOnError(() => checkBoxes('generalizedOverlap', { a, b }, true));
  return giouOp({ a, b }) as tf.Tensor1D;
}
