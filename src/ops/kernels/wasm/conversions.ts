/** Operations of tfjs-backend-wasm 4.22 that write the wrong values or the wrong type of number. */
import * as tf from '@tensorflow/tfjs-core';

import { isAnyEmpty, tfjsKernel } from './backend';
import { repairKernel } from './repair';

/** `tf.cast` to bool, where tfjs keeps the low byte of the number: 0.3 becomes false, 256 as well. */
export const castToBool = repairKernel({
  name: tf.Cast,
  when: (_: { x: tf.TensorInfo }, { dtype }: tf.CastAttrs) => dtype === 'bool',
  run(backend, { x }) {
    const y = backend.makeOutput(x.shape, 'bool');
    const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(y)];
    for (let i = 0; i < to.length; i++) to[i] = Number(from[i] !== 0);
    return y;
  },
});

/**
 * `tf.oneHot`, whose dtype tfjs ignores when it writes: integers in memory of float32. Input: int32
 * indices of any shape; attributes: dtype, depth, onValue, offValue. Gives `[...indices.shape, depth]`.
 */
export const oneHot = tfjsKernel({
  name: tf.OneHot,
  inputs: { indices: 'int32' },
  run(backend, { indices }, { depth, dtype, onValue, offValue }: tf.OneHotAttrs) {
    const y = backend.makeOutput([...indices.shape, depth], dtype);
    const to = backend.typedArrayFromHeap(y).fill(offValue);
    backend.typedArrayFromHeap(indices).forEach((index, i) => {
      if (index >= 0 && index < depth) to[i * depth + index] = onValue;
    });
    return y;
  },
});

/** Fewest values side by side for which copying them as one is worth it. */
const MIN_SLICE = 8;

/** How many values `tf.gather` copies for one index. */
function sliceOf({ shape }: tf.TensorInfo, axis: number): number {
  const at = tf.util.parseAxisParam(axis, shape)[0] as number;
  return tf.util.sizeFromShape(shape.slice(at + 1));
}

/**
 * `tf.gather` with batchDims, where tfjs uses the indices of the first batch entry for all of them, and
 * of rows, as of embeddings, which it copies number by number, thirty times as slowly; and from what has no
 * elements, where it gives the shape in which it sees x.
 * Inputs: x and int32 indices; attributes: axis, batchDims.
 *
 * @throws {Error} when an index lies outside the axis
 */
export const gather = repairKernel({
  name: tf.GatherV2,
  when: ({ x }: Record<'x' | 'indices', tf.TensorInfo>, { axis, batchDims }: tf.GatherV2Attrs) =>
    (batchDims ?? 0) !== 0 ||
    (x.dtype !== 'string' && (sliceOf(x, axis) >= MIN_SLICE || isAnyEmpty(x))),
  run(backend, { x, indices }, { axis: given, batchDims = 0 }) {
    const axis = tf.util.parseAxisParam(given, x.shape)[0] as number;
    const shapes = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      axis,
      batchDims,
    );
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shapes;
    const y = backend.makeOutput(outputShape, x.dtype);
    const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(y)];
    const chosen = backend.typedArrayFromHeap(indices);
    const count = batchSize === 0 ? 0 : chosen.length / batchSize;
    let out = 0;
    for (let b = 0; b < batchSize; b++) {
      for (let outer = 0; outer < outerSize; outer++) {
        for (let i = 0; i < count; i++, out += sliceSize) {
          const index = chosen[b * count + i] as number;
          if (index < 0 || index >= dimSize) {
            backend.disposeData(y.dataId);
            throw new Error(`GatherV2: the index value ${index} is not in [0, ${dimSize - 1}]`);
          }
          const at = ((b * outerSize + outer) * dimSize + index) * sliceSize;
          to.set(from.subarray(at, at + sliceSize), out);
        }
      }
    }
    return y;
  },
});
