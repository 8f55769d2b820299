/** What a training step takes in stock tfjs: the same network in its operations, differentiated by it. */
import * as tf from '@tensorflow/tfjs-core';

import { createModel } from 'tfjs-revcol/models';
import { stockImageForward, weightsByName } from '../../../bench/contestants/stock_image';
import { inSandbox } from '../../../src/plan/sandbox';
import { findPeak } from '../../../src/plan/step_trace';
import type { networkOptions } from '../shared/network';

/**
 * Bytes in tensors at the peak of a step with `tf.train.adam`, as `tf.memory()` counts them: of tensors that
 * share memory, each one.
 */
export function stockPeak(
  options: ReturnType<typeof networkOptions>,
  classes: number,
  batch: number,
): number {
  const layout = { ...options, kind: 'image' as const, inputChannels: 3, classes };
  return inSandbox('wasm', () => {
    const model = createModel('revcol_tiny', { ...options, numClasses: classes });
    const weights = weightsByName(model);
    const optimizer = tf.train.adam();
    const x = tf.zeros([batch, ...options.inputShape]);
    const step = () => {
      const loss = () => tf.mean(tf.square(stockImageForward(weights, layout, x)));
      optimizer.minimize(loss as () => tf.Scalar);
    };
    // Moments are made in the first step.
    step();
    return findPeak(step).peakBytes;
  });
}
