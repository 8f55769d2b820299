/**
 * Reducing, pooling, resizing and choosing from tensors without elements, as an empty batch: tfjs-backend-wasm
 * 4.22 divides by their sizes, which WebAssembly answers with an exception, leaves in the output what the memory
 * held, or prints that it failed.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isAnyEmpty, type WasmBackend } from './backend';
import { type KernelRepair, repairKernel } from './repair';

/** tfjs calls the axes of a maximum by another name; without any it means all. */
interface ReductionAttrs extends Partial<tf.SumAttrs> {
  reductionIndices?: number | number[];
}

type Input = Readonly<Record<'x', tf.TensorInfo>>;
type Images = Readonly<Record<'images', tf.TensorInfo>>;

function filled(
  backend: WasmBackend,
  shape: number[],
  dtype: tf.DataType,
  value: number,
): tf.TensorInfo {
  const y = backend.makeOutput(shape, dtype);
  backend.typedArrayFromHeap(y).fill(value);
  return y;
}

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
      const [shape] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
      const kept = keepDims ? tf.backend_util.expandShapeToKeepDim(shape, axes) : shape;
      // Where there is something to write, it is of an axis of nothing.
      return filled(backend, kept, dtype ?? x.dtype, value);
    },
  });
}

/** @param value what a window of nothing gives, as on backend 'cpu' */
function pooling(name: string, value: number): KernelRepair {
  return repairKernel({
    name,
    when: ({ x }: Input) => isAnyEmpty(x),
    run(backend, { x }, { filterSize, strides, pad, dimRoundingMode }: tf.MaxPoolAttrs) {
      const shape = x.shape as [number, number, number, number];
      const info = [filterSize, strides, 1, pad, dimRoundingMode] as const;
      const { outShape } = tf.backend_util.computePool2DInfo(shape, ...info);
      return filled(backend, outShape, 'float32', value);
    },
  });
}

/** Images of no pixels have no colour. */
function resizing(name: string): KernelRepair {
  return repairKernel({
    name,
    when: ({ images }: Images) => isAnyEmpty(images),
    run(backend, { images }, { size }: tf.ResizeBilinearAttrs) {
      const [batch, , , channels] = images.shape as [number, number, number, number];
      return filled(backend, [batch, ...size, channels], 'float32', NaN);
    },
  });
}

const cropAndResize = repairKernel({
  name: tf.CropAndResize,
  when: ({ image }: Record<'image' | 'boxes', tf.TensorInfo>) => isAnyEmpty(image),
  run(backend, { image, boxes }, { cropSize, extrapolationValue }: tf.CropAndResizeAttrs) {
    const [batch, , , channels] = image.shape as [number, number, number, number];
    // Boxes of images that are not there are left out.
    const value = batch === 0 ? 0 : extrapolationValue;
    return filled(backend, [boxes.shape[0] as number, ...cropSize, channels], 'float32', value);
  },
});

const prelu = repairKernel({
  name: tf.Prelu,
  when: ({ x, alpha }: Record<'x' | 'alpha', tf.TensorInfo>) => isAnyEmpty(x, alpha),
  run: (backend, { x, alpha }) =>
    backend.makeOutput(
      tf.broadcast_util.assertAndGetBroadcastShape(x.shape, alpha.shape),
      'float32',
    ),
});

const topK = repairKernel({
  name: tf.TopK,
  when: ({ x }: Input) => isAnyEmpty(x),
  run(backend, { x }, { k }: tf.TopKAttrs) {
    const shape = [...x.shape.slice(0, -1), k];
    return [backend.makeOutput(shape, x.dtype), backend.makeOutput(shape, 'int32')];
  },
});

/** One per kernel that fails; what has elements goes to tfjs's own. */
export const emptyInputs: readonly KernelRepair[] = [
  transpose,
  reduction(tf.Sum, 0),
  reduction(tf.Mean, 0, 'float32'),
  reduction(tf.Prod, 1),
  reduction(tf.Max, NaN),
  reduction(tf.Min, NaN),
  reduction(tf.All, 0),
  reduction(tf.Any, 0),
  pooling(tf.MaxPool, -Infinity),
  pooling(tf.AvgPool, NaN),
  resizing(tf.ResizeBilinear),
  resizing(tf.ResizeNearestNeighbor),
  cropAndResize,
  prelu,
  topK,
];
