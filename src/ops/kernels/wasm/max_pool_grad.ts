/** `MaxPoolGrad`, which tfjs has wrong on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { floats, tfjsKernel } from './backend';

/**
 * Gradient of `tf.maxPool`. tfjs 4.22 has this kernel on wasm, but there it starts its search for
 * the maximum at the smallest positive float and so drops the gradient of every window without a
 * positive value. Inputs: dy, input (`[batch, height, width, channels]`); attributes: filterSize,
 * strides, pad, dimRoundingMode. Gives the shape of input; of equal values the first one gets dy.
 */
export const maxPoolGrad = tfjsKernel({
  name: tf.MaxPoolGrad,
  inputs: { dy: 'float32', input: 'float32' },
  run(backend, { dy, input }, attrs: tf.MaxPoolGradAttrs, owner) {
    type Info = Parameters<typeof tf.backend_util.computePool2DInfo>;
    const g = tf.backend_util.computePool2DInfo(
      input.shape as Info[0],
      attrs.filterSize,
      attrs.strides,
      1,
      attrs.pad,
      attrs.dimRoundingMode ?? undefined,
    );
    if (!tf.util.arraysEqual(dy.shape, g.outShape)) {
      throw new Error(
        `${owner}: dy has shape [${dy.shape}], but pooling input [${input.shape}] with ` +
          `filterSize ${attrs.filterSize} gives [${g.outShape}]`,
      );
    }
    const dx = backend.makeOutput(input.shape, 'float32');
    const sums = floats(backend, dx).fill(0);
    const [values, upstream] = [floats(backend, input), floats(backend, dy)];
    const channels = g.inChannels;
    const best = new Int32Array(channels);
    let from = 0;
    for (let b = 0; b < g.batchSize; b++) {
      for (let outRow = 0; outRow < g.outHeight; outRow++) {
        const firstRow = outRow * g.strideHeight - g.padInfo.top;
        const rowEnd = Math.min(g.inHeight, firstRow + g.filterHeight);
        for (let outColumn = 0; outColumn < g.outWidth; outColumn++, from += channels) {
          const firstColumn = outColumn * g.strideWidth - g.padInfo.left;
          const columnEnd = Math.min(g.inWidth, firstColumn + g.filterWidth);
          best.fill(-1);
          for (let row = Math.max(0, firstRow); row < rowEnd; row++) {
            for (let column = Math.max(0, firstColumn); column < columnEnd; column++) {
              const at = ((b * g.inHeight + row) * g.inWidth + column) * channels;
              for (let i = 0; i < channels; i++) {
                const current = best[i] as number;
                if (current < 0 || (values[at + i] as number) > (values[current] as number)) {
                  best[i] = at + i;
                }
              }
            }
          }
          for (let i = 0; i < channels; i++) {
            // A window that lies in the padding altogether has no maximum.
            const at = best[i] as number;
            if (at >= 0) sums[at] = (sums[at] as number) + (upstream[from + i] as number);
          }
        }
      }
    }
    return dx;
  },
});
