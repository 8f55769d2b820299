/** What levels are added up by, and undone by, on wasm; only with SIMD. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import {
  DOUBLED_GRAD,
  DOUBLED_SUM,
  type KernelContract,
  PRODUCT_SUM,
  SCALED_SUM,
  UNDO_LEVEL,
} from '../contract';
import { requireAlike } from '../graphics';
import {
  isAnyEmpty,
  pointers,
  requireShape,
  sizeOf,
  wasmKernel,
  withScratch,
  zeros,
} from './backend';
import { onlyWithSimd, requireSimd } from './only_with_simd';

/** Values of a row, and rows; a tensor without axes is a row of one. */
function rowsOf(x: tf.TensorInfo): { rows: number; columns: number } {
  const columns = x.shape.at(-1) ?? 1;
  return { rows: sizeOf(x) / Math.max(1, columns), columns };
}

/** @throws {Error} when a vector has not one value for each column */
function requireVector(contract: KernelContract, vector: tf.TensorInfo, columns: number): void {
  requireShape(contract, 'a vector', vector, [columns], sizeOf(vector) === columns);
}

export const scaledSum = onlyWithSimd(
  wasmKernel(SCALED_SUM, (backend, { x, scale, other }) => {
    const { rows, columns } = rowsOf(x);
    requireVector(SCALED_SUM, scale, columns);
    const isVector = other.shape.length === 1;
    if (isVector) requireVector(SCALED_SUM, other, columns);
    else requireAlike(SCALED_SUM, 'wasm', [x, other]);
    const y = backend.makeOutput(x.shape, 'float32');
    if (isAnyEmpty(x)) return y;
    const [from, by, plus, to] = pointers(backend, [x, scale, other, y]);
    const simd = requireSimd(backend, SCALED_SUM.name);
    simd.scaledSum(from, by, plus, to, rows, columns, isVector ? 0 : columns, 1);
    return y;
  }),
);

export const undoLevel = onlyWithSimd(
  wasmKernel(UNDO_LEVEL, (backend, { c, f, alpha }) => {
    const { rows, columns } = rowsOf(c);
    requireVector(UNDO_LEVEL, alpha, columns);
    requireAlike(UNDO_LEVEL, 'wasm', [c, f]);
    const y = backend.makeOutput(c.shape, 'float32');
    if (isAnyEmpty(c)) return y;
    const simd = requireSimd(backend, UNDO_LEVEL.name);
    simd.undoLevel(...pointers(backend, [c, f, alpha, y]), rows, columns);
    return y;
  }),
);

/** Blocks of rows are summed in float32, the blocks in float64, as in the sum over rows. */
export const productSum = onlyWithSimd(
  wasmKernel(PRODUCT_SUM, (backend, { x, y }) => {
    requireAlike(PRODUCT_SUM, 'wasm', [x, y]);
    const { rows, columns } = rowsOf(x);
    if (isAnyEmpty(x)) return zeros(backend, [columns]);
    const sums = backend.makeOutput([columns], 'float32');
    const simd = requireSimd(backend, PRODUCT_SUM.name);
    withScratch(backend, columns * Float64Array.BYTES_PER_ELEMENT, (totals) => {
      const [first, second, to] = pointers(backend, [x, y, sums]);
      simd.productSum(first, second, to, totals, rows, columns, columns);
    });
    return sums;
  }),
);

type Image = [batch: number, height: number, width: number, channels: number];

export const doubledSum = onlyWithSimd(
  wasmKernel(DOUBLED_SUM, (backend, { x, other }) => {
    const [batch, height, width, channels] = x.shape as Image;
    requireDouble(DOUBLED_SUM, x.shape, other.shape);
    const y = backend.makeOutput(other.shape, 'float32');
    if (isAnyEmpty(other)) return y;
    const simd = requireSimd(backend, DOUBLED_SUM.name);
    simd.doubledSum(...pointers(backend, [x, other, y]), batch * height, width, channels);
    return y;
  }),
);

export const doubledGrad = onlyWithSimd(
  wasmKernel(DOUBLED_GRAD, (backend, { dy }) => {
    const [batch, height, width, channels] = dy.shape as Image;
    const shape = [batch, Math.floor(height / 2), Math.floor(width / 2), channels] as Image;
    requireDouble(DOUBLED_GRAD, shape, dy.shape);
    const dx = backend.makeOutput(shape, 'float32');
    if (isAnyEmpty(dx)) return dx;
    const simd = requireSimd(backend, DOUBLED_GRAD.name);
    simd.doubledGrad(...pointers(backend, [dy, dx]), batch * shape[1], shape[2], channels);
    return dx;
  }),
);

/** @throws {Error} when the second shape is not that of an image of the first, twice as high and wide */
function requireDouble({ name }: KernelContract, half: number[], whole: number[]): void {
  const [batch, height, width, channels] = half as Image;
  const isDouble = String(whole) === String([batch, 2 * height, 2 * width, channels]);
  if (half.length === 4 && isDouble) return;
  throw new Error(
    `${name} (wasm): images of ${show(half)} and ${show(whole)} do not fit; the second must be twice as high and wide`,
  );
}
