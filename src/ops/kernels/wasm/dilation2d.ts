/**
 * `tf.dilation2d`, the morphological dilation, and its gradients. tfjs-backend-wasm 4.22 starts its
 * search for the maximum at the smallest positive float, so that all three are wrong where a window
 * has no positive sum.
 */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { floats, tfjsKernel } from './backend';

type Info = Parameters<typeof tf.backend_util.computeDilation2DInfo>;

function geometry(shape: number[], filterShape: number[], attrs: tf.Dilation2DAttrs) {
  return tf.backend_util.computeDilation2DInfo(
    shape as Info[0],
    filterShape as Info[1],
    attrs.strides,
    attrs.pad,
    'NHWC',
    attrs.dilations,
  );
}

/** Inputs x `[batch, height, width, depth]`, filter `[h, w, depth]`; attributes strides, pad, dilations. */
export const dilation2d = tfjsKernel({
  name: tf.Dilation2D,
  inputs: { x: 'float32', filter: 'float32' },
  run(backend, { x, filter }, attrs: tf.Dilation2DAttrs) {
    const { outShape } = geometry(x.shape, filter.shape, attrs);
    const y = backend.makeOutput(outShape, 'float32');
    const [values, weights, to] = [floats(backend, x), floats(backend, filter), floats(backend, y)];
    forEachMaximum(values, weights, x.shape, filter.shape, attrs, (out, at, tap) => {
      to[out] = at < 0 ? -Infinity : (values[at] as number) + (weights[tap] as number);
    });
    return y;
  },
});

/** Gradient with respect to x. Inputs: x, filter, dy. Gives the shape of x. */
export const dilation2dBackpropInput = gradient(tf.Dilation2DBackpropInput, 'x');

/** Gradient with respect to the filter. Inputs: x, filter, dy. Gives the shape of filter. */
export const dilation2dBackpropFilter = gradient(tf.Dilation2DBackpropFilter, 'filter');

function gradient(name: string, of: 'x' | 'filter'): tf.KernelConfig {
  return tfjsKernel({
    name,
    inputs: { x: 'float32', filter: 'float32', dy: 'float32' },
    run(backend, inputs, attrs: tf.Dilation2DAttrs, owner) {
      const { x, filter, dy } = inputs;
      const { outShape } = geometry(x.shape, filter.shape, attrs);
      if (!tf.util.arraysEqual(dy.shape, outShape)) {
        throw new Error(
          `${owner}: dy has shape ${show(dy.shape)}, but x ${show(x.shape)} and filter ` +
            `${show(filter.shape)} give ${show(outShape)}`,
        );
      }
      const d = backend.makeOutput(inputs[of].shape, 'float32');
      const sums = floats(backend, d).fill(0);
      const upstream = floats(backend, dy);
      const [values, weights] = [floats(backend, x), floats(backend, filter)];
      forEachMaximum(values, weights, x.shape, filter.shape, attrs, (out, at, tap) => {
        const to = of === 'x' ? at : tap;
        if (at >= 0) sums[to] = (sums[to] as number) + (upstream[out] as number);
      });
      return d;
    },
  });
}

/** Calls `visit(output, input, tap)` with the offsets of the first maximum of each window; -1: none. */
function forEachMaximum(
  values: Float32Array,
  weights: Float32Array,
  shape: number[],
  filterShape: number[],
  attrs: tf.Dilation2DAttrs,
  visit: (out: number, at: number, tap: number) => void,
): void {
  const g = geometry(shape, filterShape, attrs);
  const depth = g.inChannels;
  let out = 0;
  for (let b = 0; b < g.batchSize; b++) {
    for (let y = 0; y < g.outHeight; y++) {
      for (let x = 0; x < g.outWidth; x++) {
        for (let c = 0; c < depth; c++, out++) {
          let [best, at, tap] = [-Infinity, -1, -1];
          for (let r = 0; r < g.filterHeight; r++) {
            const row = y * g.strideHeight - g.padInfo.top + r * g.dilationHeight;
            if (row < 0 || row >= g.inHeight) continue;
            for (let s = 0; s < g.filterWidth; s++) {
              const column = x * g.strideWidth - g.padInfo.left + s * g.dilationWidth;
              if (column < 0 || column >= g.inWidth) continue;
              const [i, w] = [
                ((b * g.inHeight + row) * g.inWidth + column) * depth + c,
                (r * g.filterWidth + s) * depth + c,
              ];
              const sum = (values[i] as number) + (weights[w] as number);
              if (at < 0 || sum > best) [best, at, tap] = [sum, i, w];
            }
          }
          visit(out, at, tap);
        }
      }
    }
  }
}
