/** The sum over the rows of a matrix, on wasm. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { COLUMN_SUM } from '../contract';
import {
  floats,
  isAnyEmpty,
  pointer,
  sizeOf,
  type WasmBackend,
  wasmKernel,
  withScratch,
  zeros,
} from './backend';
import { simdKernels } from './simd_module';

export const columnSum = wasmKernel(COLUMN_SUM, (backend, { x }) => {
  const [rows, columns] = x.shape;
  if (rows === undefined || columns === undefined || x.shape.length !== 2) {
    throw new Error(
      `${COLUMN_SUM.name} (wasm): x has shape ${show(x.shape)}, a matrix is expected`,
    );
  }
  return columnSumOf(backend, x);
});

/**
 * The sum over all axes but the last. Blocks of rows are summed in float32, the blocks in float64, so many rows
 * cost no accuracy.
 */
export function columnSumOf(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  const columns = x.shape.at(-1) as number;
  if (isAnyEmpty(x)) return zeros(backend, [columns]);
  const rows = sizeOf(x) / columns;
  const y = backend.makeOutput([columns], 'float32');
  const simd = simdKernels(backend);
  if (simd != null) {
    withScratch(backend, columns * Float64Array.BYTES_PER_ELEMENT, (totals) => {
      simd.columnSum(pointer(backend, x), pointer(backend, y), totals, rows, columns, columns);
    });
    return y;
  }
  const values = floats(backend, x);
  const sums = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) sums[j] = (sums[j] as number) + (values[at++] as number);
  }
  floats(backend, y).set(sums);
  return y;
}
