/**
 * Gradients of `tf.image.resizeBilinear` and `resizeNearestNeighbor` with half-pixel centres, which
 * tfjs 4.22 computes as if the centres were not shifted, and those of nothing. Other resizes are left to tfjs.
 */
import * as tf from '@tensorflow/tfjs-core';

import { floats, isAnyEmpty } from './backend';
import { type KernelRepair, repairKernel } from './repair';

/** Where along an axis an output pixel reads: one input pixel and its weight, or two. */
type Reads = readonly (readonly [pixel: number, weight: number])[];

/** Inputs: images `[batch, height, width, channels]` and dy. Gives the shape of images. */
export const resizeBilinearGrad = halfPixelGradient(tf.ResizeBilinearGrad, (out, size, outSize) => {
  const position = (size / outSize) * (out + 0.5) - 0.5;
  const low = Math.max(0, Math.floor(position));
  const fraction = position - low;
  return [
    [low, 1 - fraction],
    [Math.min(size - 1, Math.ceil(Math.max(0, position))), fraction],
  ];
});

/** Inputs: images `[batch, height, width, channels]` and dy. Gives the shape of images. */
export const resizeNearestNeighborGrad = halfPixelGradient(
  tf.ResizeNearestNeighborGrad,
  (out, size, outSize) => [[Math.min(size - 1, Math.floor((size / outSize) * (out + 0.5))), 1]],
);

function halfPixelGradient(
  name: string,
  reads: (out: number, size: number, outSize: number) => Reads,
): KernelRepair {
  return repairKernel({
    name,
    inputs: { images: 'float32', dy: 'float32' },
    // Of images without pixels tfjs's kernels write past the end of the output, and corrupt the heap.
    when: ({ images, dy }, attrs: { halfPixelCenters?: boolean }) =>
      attrs.halfPixelCenters === true || isAnyEmpty(images, dy),
    run(backend, { images, dy }) {
      const [batch, height, width, channels] = images.shape as [number, number, number, number];
      const [, outHeight, outWidth] = dy.shape as [number, number, number, number];
      const dx = backend.makeOutput(images.shape, 'float32');
      const [sums, upstream] = [floats(backend, dx).fill(0), floats(backend, dy)];
      if (isAnyEmpty(images, dy)) return dx;
      const rows = Array.from({ length: outHeight }, (_, i) => reads(i, height, outHeight));
      const columns = Array.from({ length: outWidth }, (_, i) => reads(i, width, outWidth));
      let from = 0;
      for (let b = 0; b < batch; b++) {
        for (const row of rows) {
          for (const column of columns) {
            for (const [i, rowWeight] of row) {
              for (const [j, columnWeight] of column) {
                const to = ((b * height + i) * width + j) * channels;
                for (let c = 0; c < channels; c++) {
                  const part = (upstream[from + c] as number) * rowWeight * columnWeight;
                  sums[to + c] = (sums[to + c] as number) + part;
                }
              }
            }
            from += channels;
          }
        }
      }
      return dx;
    },
  });
}
