/** `UnsortedSegmentSum`, which tfjs lacks on wasm: the gradient of embeddings. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { floats, sizeOf, tfjsKernel } from './backend';

/**
 * Sums the rows of x that share an id, which tfjs 4.22 lacks on wasm: the gradient of `tf.gather`,
 * hence of embeddings. Inputs x `[n, ...]` and segmentIds int32 `[n]`; attribute numSegments. Gives
 * `[numSegments, ...]`; rows with an id outside 0..numSegments - 1 are left out.
 */
export const unsortedSegmentSum = tfjsKernel({
  name: tf.UnsortedSegmentSum,
  inputs: { x: 'float32', segmentIds: 'int32' },
  run(backend, { x, segmentIds }, { numSegments }: tf.UnsortedSegmentSumAttrs, owner) {
    const rows = x.shape[0];
    const idsFit = segmentIds.shape.length === 1 && segmentIds.shape[0] === rows;
    if (rows === undefined || !idsFit) {
      throw new Error(
        `${owner}: segmentIds has shape ${show(segmentIds.shape)}, but one id for each row of x ` +
          `${show(x.shape)} is expected`,
      );
    }
    const y = backend.makeOutput([numSegments, ...x.shape.slice(1)], 'float32');
    const sums = floats(backend, y).fill(0);
    const values = floats(backend, x);
    const width = rows === 0 ? 0 : sizeOf(x) / rows;
    backend.typedArrayFromHeap(segmentIds).forEach((id, row) => {
      if (id < 0 || id >= numSegments) return;
      for (let i = 0, from = row * width, to = id * width; i < width; i++, from++, to++) {
        sums[to] = (sums[to] as number) + (values[from] as number);
      }
    });
    return y;
  },
});
