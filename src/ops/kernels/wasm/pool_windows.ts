/** The windows of a pooling, in two dimensions and three: those of images are volumes of depth 1. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
/** Sizes in the order depth, height, width. */
type Triple = [number, number, number];

/** What describes a pooling: the attributes that tfjs gives its kernels. */
export interface PoolAttrs {
  filterSize: number | number[];
  strides: number | number[];
  pad: unknown;
  dimRoundingMode?: 'floor' | 'round' | 'ceil' | null;
}

/** Sizes of a pooling of `[batch, depth, height, width, channels]`. */
export interface PoolGeometry {
  batch: number;
  channels: number;
  size: Triple;
  outSize: Triple;
  filter: Triple;
  strides: Triple;
  /** Padding in front, above, left. */
  before: Triple;
  outShape: number[];
}

/**
 * Geometry of the pooling that `attrs` (filterSize, strides, pad, dimRoundingMode) describe, computed
 * as the forward kernels compute it.
 *
 * @param shape `[batch, height, width, channels]`, or with a depth after the batch
 */
export function poolGeometry(shape: number[], attrs: PoolAttrs): PoolGeometry {
  const { filterSize, strides, pad } = attrs;
  const rounding = attrs.dimRoundingMode ?? undefined;
  if (shape.length === 4) {
    type Info = Parameters<typeof tf.backend_util.computePool2DInfo>;
    const info = tf.backend_util.computePool2DInfo(
      shape as Info[0],
      filterSize as Info[1],
      strides as Info[2],
      1,
      pad as Info[4],
      rounding,
    );
    return {
      batch: info.batchSize,
      channels: info.inChannels,
      size: [1, info.inHeight, info.inWidth],
      outSize: [1, info.outHeight, info.outWidth],
      filter: [1, info.filterHeight, info.filterWidth],
      strides: [1, info.strideHeight, info.strideWidth],
      before: [0, info.padInfo.top, info.padInfo.left],
      outShape: info.outShape,
    };
  }
  type Info = Parameters<typeof tf.backend_util.computePool3DInfo>;
  const info = tf.backend_util.computePool3DInfo(
    shape as Info[0],
    filterSize as Info[1],
    strides as Info[2],
    1,
    pad as Info[4],
    rounding,
  );
  return {
    batch: info.batchSize,
    channels: info.inChannels,
    size: [info.inDepth, info.inHeight, info.inWidth],
    outSize: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    outShape: info.outShape,
  };
}

/**
 * The same with dy's shape checked.
 *
 * @throws {Error} when dy is not of the shape that the pooling gives
 */
export function poolGradGeometry(
  owner: string,
  inputShape: number[],
  dyShape: number[],
  attrs: PoolAttrs,
): PoolGeometry {
  const g = poolGeometry(inputShape, attrs);
  if (tf.util.arraysEqual(dyShape, g.outShape)) return g;
  throw new Error(
    `${owner}: dy has shape ${show(dyShape)}, but pooling input ${show(inputShape)} with ` +
      `filterSize ${attrs.filterSize} gives ${show(g.outShape)}`,
  );
}

/**
 * Calls `visit` for every output pixel, in order, with its offset in the output and the offsets of the
 * input's pixels that lie in its window, padding left out. `pixels` is used again for the next window.
 */
export function forEachWindow(
  g: PoolGeometry,
  visit: (out: number, pixels: readonly number[]) => void,
): void {
  const [depth, height, width] = g.size;
  const [outDepth, outHeight, outWidth] = g.outSize;
  const pixels: number[] = [];
  let out = 0;
  for (let b = 0; b < g.batch; b++) {
    for (let z = 0; z < outDepth; z++) {
      const [z0, z1] = span(g, 0, z);
      for (let y = 0; y < outHeight; y++) {
        const [y0, y1] = span(g, 1, y);
        for (let x = 0; x < outWidth; x++, out += g.channels) {
          const [x0, x1] = span(g, 2, x);
          pixels.length = 0;
          for (let i = z0; i < z1; i++) {
            for (let j = y0; j < y1; j++) {
              const row = ((b * depth + i) * height + j) * width;
              for (let k = x0; k < x1; k++) pixels.push((row + k) * g.channels);
            }
          }
          visit(out, pixels);
        }
      }
    }
  }
}

/** First pixel of a window along an axis, and the one after its last, inside the input. */
function span(g: PoolGeometry, axis: 0 | 1 | 2, out: number): [number, number] {
  const start = out * g.strides[axis] - g.before[axis];
  return [Math.max(0, start), Math.min(g.size[axis], start + g.filter[axis])];
}
