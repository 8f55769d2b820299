/**
 * Gradients of average pooling. tfjs 4.22 divides by the size of the whole filter, on every backend,
 * where its forward pass divides by the number of pixels inside the image: with padding the gradient
 * at the border is too small.
 */
import * as tf from '@tensorflow/tfjs-core';

import { floats, tfjsKernel } from './backend';
import { forEachWindow, type PoolAttrs, poolGradGeometry } from './pool_windows';

/** Of `tf.avgPool`. Inputs: dy, input `[batch, height, width, channels]`. Gives the shape of input. */
export const avgPoolGrad = averageGradient(tf.AvgPoolGrad);

/** Of `tf.avgPool3d`. Inputs: dy, input `[batch, depth, height, width, channels]`. */
export const avgPool3dGrad = averageGradient(tf.AvgPool3DGrad);

function averageGradient(name: string): tf.KernelConfig {
  return tfjsKernel({
    name,
    inputs: { dy: 'float32', input: 'float32' },
    run(backend, { dy, input }, attrs: PoolAttrs, owner) {
      const g = poolGradGeometry(owner, input.shape, dy.shape, attrs);
      const dx = backend.makeOutput(input.shape, 'float32');
      const [sums, upstream] = [floats(backend, dx).fill(0), floats(backend, dy)];
      forEachWindow(g, (out, pixels) => {
        for (let c = 0; c < g.channels; c++) {
          const share = (upstream[out + c] as number) / pixels.length;
          for (const pixel of pixels) sums[pixel + c] = (sums[pixel + c] as number) + share;
        }
      });
      return dx;
    },
  });
}
