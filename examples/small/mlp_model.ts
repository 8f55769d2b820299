/** The network of the MLP example. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { CROP_SIDE } from '../digits/data';
import type { ModelOptions } from './train_classifier';

/** Features that the network takes: a digit's pixels in one row. */
export const PIXELS = CROP_SIDE * CROP_SIDE;

/** Three levels, narrower towards the top. */
const WIDTHS = [128, 96, 64];

/** A reversible MLP: stem, fusions and blocks are dense layers on `[batch, features]`. */
export function mlpModel({ columns, backprop }: ModelOptions): tf.Sequential {
  return tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [PIXELS],
        columns,
        channels: WIDTHS,
        depths: [1, 1, 1],
        stem: tf.layers.dense({ units: WIDTHS[0] as number, activation: 'relu' }),
        // A block keeps its input's shape, so each level has a template of its own width.
        block: WIDTHS.map((units) => tf.layers.dense({ units, activation: 'relu' })),
        backprop,
      }),
      layers.revColHead({ units: 10 }),
    ],
  });
}
