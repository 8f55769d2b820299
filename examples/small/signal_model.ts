/** The network of the signal example. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { SAMPLES, WAVES } from './signals';
import type { ModelOptions } from './train_classifier';

const WIDTH = 24;
const LEVELS = 3;

/**
 * A reversible 1-D network on `[batch, time, 1]`: the stem takes 4 samples at a time, the blocks are
 * stock 1-D convolutions. Sequences are isotropic: all levels keep time and width.
 */
export function signalModel({ columns, backprop }: ModelOptions): tf.Sequential {
  return tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [SAMPLES, 1],
        columns,
        channels: Array.from({ length: LEVELS }, () => WIDTH),
        depths: Array.from({ length: LEVELS }, () => 1),
        stem: tf.layers.conv1d({ filters: WIDTH, kernelSize: 8, strides: 4, padding: 'same' }),
        block: tf.layers.conv1d({
          filters: WIDTH,
          kernelSize: 5,
          padding: 'same',
          activation: 'relu',
        }),
        backprop,
      }),
      layers.revColHead({ units: Object.keys(WAVES).length }),
    ],
  });
}
