/**
 * Maximum pooling where tfjs-backend-wasm 4.22 is wrong: it starts its search for the maximum at the
 * smallest positive float, and so gives that, and no gradient, for a window without a positive value.
 */
import * as tf from '@tensorflow/tfjs-core';

import { floats, tfjsKernel } from './backend';
import { forEachWindow, type PoolAttrs, poolGeometry, poolGradGeometry } from './pool_windows';

/** Gradient of `tf.maxPool`. Inputs: dy, input; of equal values the first one gets dy. */
export const maxPoolGrad = maximumGradient(tf.MaxPoolGrad);

/** Gradient of `tf.maxPool3d`. */
export const maxPool3dGrad = maximumGradient(tf.MaxPool3DGrad);

/** `tf.maxPool3d`. Input: x `[batch, depth, height, width, channels]`. */
export const maxPool3d = tfjsKernel({
  name: tf.MaxPool3D,
  inputs: { x: 'float32' },
  run(backend, { x }, attrs: PoolAttrs) {
    const g = poolGeometry(x.shape, attrs);
    const y = backend.makeOutput(g.outShape, 'float32');
    const [values, to] = [floats(backend, x), floats(backend, y)];
    forEachWindow(g, (out, pixels) => {
      for (let c = 0; c < g.channels; c++) {
        let best = -Infinity;
        for (const pixel of pixels) {
          const value = values[pixel + c] as number;
          // Not Math.max: a NaN stays.
          if (!(value <= best)) best = value;
        }
        to[out + c] = best;
      }
    });
    return y;
  },
});

/** Attributes: filterSize, strides, pad, dimRoundingMode. Gives the shape of input. */
function maximumGradient(name: string): tf.KernelConfig {
  return tfjsKernel({
    name,
    inputs: { dy: 'float32', input: 'float32' },
    run(backend, { dy, input }, attrs: PoolAttrs, owner) {
      const g = poolGradGeometry(owner, input.shape, dy.shape, attrs);
      const dx = backend.makeOutput(input.shape, 'float32');
      const sums = floats(backend, dx).fill(0);
      const [values, upstream] = [floats(backend, input), floats(backend, dy)];
      forEachWindow(g, (out, pixels) => {
        // A window that lies in the padding altogether has no maximum.
        if (pixels.length === 0) return;
        for (let c = 0; c < g.channels; c++) {
          let best = (pixels[0] as number) + c;
          for (const pixel of pixels) {
            if ((values[pixel + c] as number) > (values[best] as number)) best = pixel + c;
          }
          sums[best] = (sums[best] as number) + (upstream[out + c] as number);
        }
      });
      return dx;
    },
  });
}
