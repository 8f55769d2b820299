/**
 * Transposing and reducing tensors without elements, as an empty batch: tfjs-backend-wasm 4.22 divides by
 * their sizes, which WebAssembly answers with an exception.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isAnyEmpty } from './backend';
import { type KernelRepair, repairKernel } from './repair';

/** tfjs calls the axes of a maximum by another name; without any it means all. */
interface ReductionAttrs extends Partial<tf.SumAttrs> {
  reductionIndices?: number | number[];
}

type Input = Readonly<Record<'x', tf.TensorInfo>>;

const transpose = repairKernel({
  name: tf.Transpose,
  when: ({ x }: Input) => isAnyEmpty(x),
  run: (backend, { x }, { perm }: tf.TransposeAttrs) =>
    backend.makeOutput(
      perm.map((axis) => x.shape[axis] as number),
      x.dtype,
    ),
});

/** @param value what a reduction of nothing gives, as on backend 'cpu' */
function reduction(name: string, value: number, dtype?: tf.DataType): KernelRepair {
  return repairKernel({
    name,
    when: ({ x }: Input) => isAnyEmpty(x),
    run(backend, { x }, { axis, reductionIndices, keepDims }: ReductionAttrs) {
      const axes = tf.util.parseAxisParam((axis ?? reductionIndices) as number[], x.shape);
      const [shape, reduced] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
      const kept = keepDims ? tf.backend_util.expandShapeToKeepDim(shape, axes) : shape;
      const y = backend.makeOutput(kept, dtype ?? x.dtype);
      // An axis of nothing is reduced to `value`; otherwise there is nothing to write.
      if (tf.util.sizeFromShape(reduced) === 0) backend.typedArrayFromHeap(y).fill(value);
      return y;
    },
  });
}

/** One per kernel that fails; what has elements goes to tfjs's own. */
export const emptyInputs: readonly KernelRepair[] = [
  transpose,
  reduction(tf.Sum, 0),
  reduction(tf.Mean, 0, 'float32'),
  reduction(tf.Prod, 1),
  reduction(tf.Max, NaN),
  reduction(tf.Min, NaN),
];
