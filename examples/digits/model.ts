/** The network of the digits example and how it learns. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { CROP_SIDE } from './data';

/** How to build the network. */
export interface DigitsModelOptions {
  columns: number;
  /** Default `'reversible'`. */
  backprop?: 'reversible' | 'stored';
}

/** RevCol for small grey images: three levels of 12 x 12, 6 x 6 and 3 x 3 pixels. */
export function digitsModel({ columns, backprop }: DigitsModelOptions): tf.Sequential {
  return tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [CROP_SIDE, CROP_SIDE, 1],
        columns,
        // The mean and deviation of MNIST's pixels, which are in 0..1.
        pixelMean: 0.1307,
        pixelStd: 0.3081,
        patchSize: 2,
        channels: [16, 32, 64],
        depths: [1, 1, 1],
        // The published 1e-6 is for networks of dozens of blocks; these few may speak up at once.
        block: layers.convNextBlock({ kernelSize: 5, layerScaleInit: 1 }),
        backprop,
      }),
      layers.revColHead({ units: 10 }),
    ],
  });
}

/** Cross entropy of logits with smoothed labels, for `model.compile`. */
export function loss(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return tf.losses.softmaxCrossEntropy(labels, logits, undefined, 0.1);
}

/** Share of a training in which the learning rate rises. */
const WARM_UP = 0.1;

/** Learning rate of a step: rises from 0 to `peak`, then falls back along half a cosine. */
export function learningRate(step: number, steps: number, peak: number): number {
  const warmUp = WARM_UP * steps;
  if (step < warmUp) return (peak * (step + 1)) / (warmUp + 1);
  return 0.5 * peak * (1 + Math.cos((Math.PI * (step - warmUp)) / (steps - warmUp)));
}
