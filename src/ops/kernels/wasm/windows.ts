/**
 * Convolutions and poolings whose windows tfjs-backend-wasm 4.22 gets wrong without a word:
 *
 * - a padding given as one number, and a window or strides that are not square: tfjs computes the width
 *   of the output from the height of the window, on every backend, and here the kernel writes past the
 *   end of the output and corrupts the heap. These throw;
 * - padding 'same' where the strides leave pixels over, so that the padding would be negative: a
 *   convolution gives zeros. These are given the padding in pixels.
 */
import * as tf from '@tensorflow/tfjs-core';

import { type KernelRepair, repairKernel } from './repair';

type Pair = readonly [height: number, width: number];

interface Attrs {
  strides: number | number[];
  pad: unknown;
  dilations?: number | number[] | null;
}

interface PoolAttrs extends Attrs {
  filterSize: number | number[];
}

type Inputs = Readonly<Record<'x' | 'filter', tf.TensorInfo>>;

function pair(value: unknown): Pair {
  return Array.isArray(value) ? (value as unknown as Pair) : [value as number, value as number];
}

function isUneven([height, width]: Pair, attrs: Attrs): boolean {
  const [down, across] = pair(attrs.strides);
  return typeof attrs.pad === 'number' && (height !== width || down !== across);
}

function refuse(owner: string, [height, width]: Pair, attrs: Attrs): never {
  throw new Error(
    `${owner}: pad ${String(attrs.pad)} with a window of ${height} x ${width} and strides ` +
      `${String(attrs.strides)}; tfjs computes the wrong width for the output of such a window. Use ` +
      `'same' or 'valid', after tf.pad where other padding is wanted`,
  );
}

function filterWindow({ filter }: Inputs, attrs: Attrs): Pair {
  const [height, width] = filter.shape as unknown as Pair;
  const [down, across] = pair(attrs.dilations ?? 1);
  return [(height - 1) * down + 1, (width - 1) * across + 1];
}

/** Padding of rows and columns, before and after together, that 'same' asks for; may be negative. */
function samePadding({ x }: Inputs, window: Pair, attrs: Attrs): Pair {
  const [, height, width] = x.shape as [number, number, number];
  const [down, across] = pair(attrs.strides);
  const along = (size: number, length: number, stride: number) =>
    (Math.ceil(size / stride) - 1) * stride + length - size;
  return [along(height, window[0], down), along(width, window[1], across)];
}

function isOverhanging(inputs: Inputs, window: Pair, attrs: Attrs): boolean {
  return attrs.pad === 'same' && samePadding(inputs, window, attrs).some((all) => all < 0);
}

function inPixels(
  inputs: Inputs,
  window: Pair,
  attrs: Attrs,
): Attrs & { dimRoundingMode: 'floor' } {
  const [rows, columns] = samePadding(inputs, window, attrs).map((all) => {
    const before = Math.floor(Math.max(0, all) / 2);
    return [before, Math.max(0, all) - before];
  });
  return { ...attrs, pad: [[0, 0], rows, columns, [0, 0]], dimRoundingMode: 'floor' };
}

function convolution(name: string): KernelRepair {
  return repairKernel({
    name,
    when(inputs: Inputs, attrs: Attrs) {
      const window = filterWindow(inputs, attrs);
      return isUneven(window, attrs) || isOverhanging(inputs, window, attrs);
    },
    run(_, inputs, attrs, owner, replaced) {
      const window = filterWindow(inputs, attrs);
      if (isUneven(window, attrs)) refuse(owner, window, attrs);
      return replaced(inPixels(inputs, window, attrs));
    },
  });
}

function pooling(name: string): KernelRepair {
  return repairKernel({
    name,
    when: (_: Pick<Inputs, 'x'>, attrs: PoolAttrs) => isUneven(pair(attrs.filterSize), attrs),
    run: (_, __, attrs, owner) => refuse(owner, pair(attrs.filterSize), attrs),
  });
}

/** One per forward kernel; all other windows go to tfjs's own kernel. */
export const windows: readonly KernelRepair[] = [
  convolution(tf.Conv2D),
  convolution(tf.FusedConv2D),
  convolution(tf.DepthwiseConv2dNative),
  convolution(tf.FusedDepthwiseConv2D),
  pooling(tf.MaxPool),
  pooling(tf.AvgPool),
];
