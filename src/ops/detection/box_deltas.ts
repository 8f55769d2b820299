/** Boxes as changes of other boxes, there and back, with their gradients. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireRanges, show } from '../../common/arguments';
import { defineOp } from '../engine/define_op';
import { disposingTapeOnError } from '../engine/engine';
import type { Box, ImageSize } from './box_list';

/** What deltas are multiplied by: of the centre's x and y, of width and height. */
export type DeltaScales = Box;

/** Deltas as they are. */
export const PLAIN_DELTAS: DeltaScales = [1, 1, 1, 1];

/** Largest change of the logarithm of a side: mmdetection's `wh_ratio_clip` of 16 / 1000. */
const LOG_LIMIT = Math.log(1000 / 16);

/** Corners of boxes `[..., 4]`: upper left, lower right, each `[..., 2]`. */
function corners(boxes: tf.Tensor): [tf.Tensor, tf.Tensor] {
  return tf.split(boxes, 2, -1) as [tf.Tensor, tf.Tensor];
}

/** Centre and size of boxes, each `[..., 2]`. */
function centred(boxes: tf.Tensor): [centre: tf.Tensor, size: tf.Tensor] {
  const [low, high] = corners(boxes);
  return [tf.mul(tf.add(low, high), 0.5), tf.sub(high, low)];
}

/** Gradient of boxes from those of their centres and sizes. */
function fromCentred(dCentre: tf.Tensor, dSize: tf.Tensor): tf.Tensor {
  const half = tf.mul(dCentre, 0.5);
  return tf.concat([tf.sub(half, dSize), tf.add(half, dSize)], -1);
}

interface Attrs {
  scales: DeltaScales;
}

/** Boxes `[n, 4 k]` as `[n, k, 4]`; of no rows tfjs cannot infer k. */
const byClass = (x: tf.Tensor) =>
  tf.reshape(x, [x.shape[0] as number, (x.shape[1] as number) / 4, 4]);

/** Deltas `[n, 4 k]` and the parts of what they decode to, each `[n, k or 1, 2]`. */
function decodedParts(boxes: tf.Tensor, deltas: tf.Tensor, scales: DeltaScales) {
  const [shift, stretch] = corners(tf.mul(byClass(deltas), tf.tensor1d([...scales])));
  const [centre, size] = centred(tf.expandDims(boxes, 1));
  const factor = tf.exp(tf.clipByValue(stretch, -LOG_LIMIT, LOG_LIMIT));
  return { centre, size, shift, stretch, factor };
}

const decodeOp = defineOp({
  name: 'RevColDecodeBoxes',
  inputs: ['boxes', 'deltas'],
  forward: ({ boxes, deltas }, { scales }: Attrs) => {
    const { centre, size, shift, factor } = decodedParts(boxes, deltas, scales);
    const moved = tf.add(centre, tf.mul(size, shift));
    const half = tf.mul(tf.mul(size, factor), 0.5);
    return tf.reshape(tf.concat([tf.sub(moved, half), tf.add(moved, half)], -1), deltas.shape);
  },
  backward: (dy, { boxes, deltas }, { scales }) => {
    const parts = () => {
      const [low, high] = corners(byClass(dy));
      const [dMoved, dSides] = [tf.add(low, high), tf.mul(tf.sub(high, low), 0.5)];
      return { ...decodedParts(boxes, deltas, scales), dMoved, dSides };
    };
    return {
      boxes: () => {
        const { shift, factor, dMoved, dSides } = parts();
        const dSize = tf.add(tf.mul(dMoved, shift), tf.mul(dSides, factor));
        return fromCentred(tf.sum(dMoved, 1), tf.sum(dSize, 1));
      },
      deltas: () => {
        const { size, stretch, factor, dMoved, dSides } = parts();
        const free = tf.cast(tf.lessEqual(tf.abs(stretch), LOG_LIMIT), 'float32');
        const dStretch = tf.mul(tf.mul(dSides, tf.mul(size, factor)), free);
        const both = tf.concat([tf.mul(dMoved, size), dStretch], -1);
        return tf.reshape(tf.mul(both, tf.tensor1d([...scales])), deltas.shape);
      },
    };
  },
});

const encodeOp = defineOp({
  name: 'RevColEncodeBoxes',
  inputs: ['boxes', 'targets'],
  forward: ({ boxes, targets }, { scales }: Attrs) => {
    const [[c, s], [gc, gs]] = [centred(boxes), centred(targets)];
    const both = tf.concat([tf.div(tf.sub(gc, c), s), tf.log(tf.div(gs, s))], -1);
    return tf.div(both, tf.tensor1d([...scales]));
  },
  backward: (dy, { boxes, targets }, { scales }) => {
    const parts = () => {
      const [[c, s], [gc, gs]] = [centred(boxes), centred(targets)];
      const [dShift, dStretch] = corners(tf.div(dy, tf.tensor1d([...scales])));
      return { c, s, gc, gs, dShift, dStretch };
    };
    return {
      boxes: () => {
        const { c, s, gc, dShift, dStretch } = parts();
        const along = tf.add(tf.mul(dShift, tf.div(tf.sub(gc, c), s)), dStretch);
        return fromCentred(tf.neg(tf.div(dShift, s)), tf.neg(tf.div(along, s)));
      },
      targets: () => {
        const { s, gs, dShift, dStretch } = parts();
        return fromCentred(tf.div(dShift, s), tf.div(dStretch, gs));
      },
    };
  },
});

function checkScales(owner: string, scales: DeltaScales): void {
  const fits = Array.isArray(scales) && scales.length === 4;
  requireArgument(owner, 'scales', scales, fits, 'four numbers above 0');
  requireRanges(
    owner,
    scales.map((scale, i) => [`scales[${i}]`, scale, scale > 0, 'above 0'] as const),
  );
}

/** Asserts boxes `[n, 4]` beside as many rows of four numbers, of one box or of several. */
function checkRows(
  owner: string,
  boxes: tf.Tensor,
  name: string,
  other: tf.Tensor,
  several: boolean,
): void {
  const [rows, width = 0] = other.shape;
  const fitsWidth = several ? width % 4 === 0 : width === 4;
  const fits = boxes.rank === 2 && boxes.shape[1] === 4 && other.rank === 2;
  if (fits && rows === boxes.shape[0] && fitsWidth) return;
  throw new Error(
    `${owner}: boxes of shape ${show(boxes.shape)} and ${name} of shape ${show(other.shape)}; expected ` +
      `[n, 4] and ${several ? '[n, 4 classes]' : '[n, 4]'}`,
  );
}

/**
 * What boxes become by deltas (Girshick et al. 2014, arXiv 1311.2524, appendix C), as one tape node:
 * `d = delta * scales`; the centre moves by `d_xy` times the size, the size is multiplied by `exp(d_wh)`, where
 * `d_wh` counts at most ln(1000 / 16) to either side.
 *
 * @param boxes `[n, 4]`: `x1, y1, x2, y2`, float32
 * @param deltas `[n, 4 k]`: `x, y, width, height` for each of k classes, float32
 * @param scales the deviations that deltas were divided by. Default: 1
 * @returns boxes `[n, 4 k]`, not clipped
 * @throws {Error} when shapes do not fit each other, or a scale is not above 0
 */
export function decodeBoxes(
  boxes: tf.Tensor,
  deltas: tf.Tensor,
  scales: DeltaScales = PLAIN_DELTAS,
): tf.Tensor2D {
  const owner = 'decodeBoxes';
  disposingTapeOnError(() => {
    checkScales(owner, scales);
    checkRows(owner, boxes, 'deltas', deltas, true);
  });
  return decodeOp({ boxes, deltas }, { scales }) as tf.Tensor2D;
}

/**
 * The deltas by which boxes become others, as one tape node; `decodeBoxes` is its inverse:
 * `((centre' - centre) / size, ln(size' / size)) / scales`. Of a box without width or height, or to one, a
 * delta is not finite.
 *
 * @param boxes `[n, 4]`, float32
 * @param targets `[n, 4]`, float32
 * @returns `[n, 4]`
 * @throws {Error} when shapes do not fit each other, or a scale is not above 0
 */
export function encodeBoxes(
  boxes: tf.Tensor,
  targets: tf.Tensor,
  scales: DeltaScales = PLAIN_DELTAS,
): tf.Tensor2D {
  const owner = 'encodeBoxes';
  disposingTapeOnError(() => {
    checkScales(owner, scales);
    checkRows(owner, boxes, 'targets', targets, false);
  });
  return encodeOp({ boxes, targets }, { scales }) as tf.Tensor2D;
}

const clipOp = defineOp({
  name: 'RevColClipBoxes',
  inputs: ['boxes'],
  forward: ({ boxes }, { size: [height, width] }: { size: ImageSize }) => {
    const list = tf.reshape(boxes, [-1, 2]);
    const edges = tf.tensor1d([width, height]);
    return tf.reshape(tf.minimum(tf.relu(list), edges), boxes.shape);
  },
  backward: (dy, { boxes }, { size: [height, width] }) => ({
    boxes: () => {
      const list = tf.reshape(boxes, [-1, 2]);
      const edges = tf.tensor1d([width, height]);
      const inside = tf.logicalAnd(tf.greaterEqual(list, 0), tf.lessEqual(list, edges));
      return tf.mul(dy, tf.cast(tf.reshape(inside, boxes.shape), 'float32'));
    },
  }),
});

/**
 * Boxes whose edges are moved into an image, as one tape node: x to [0, width], y to [0, height].
 *
 * @param boxes `[n, 4 k]`, float32
 * @param size height and width, in pixels
 */
export function clipBoxes(boxes: tf.Tensor, size: ImageSize): tf.Tensor2D {
  return clipOp({ boxes }, { size }) as tf.Tensor2D;
}
