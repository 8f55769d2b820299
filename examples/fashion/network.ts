/** The networks that the example trains. */
import * as tf from '@tensorflow/tfjs';

import { createModel } from 'tfjs-revcol/models';

/** What each size changes in `revcol_femto`. */
export const SIZES = {
  femto: {},
  small: { channels: [32, 64, 128] },
} as const satisfies Record<string, { channels?: readonly number[] }>;

export type SizeName = keyof typeof SIZES;

/** What the blocks' layer scales begin with: the published 1e-6 is for networks of dozens of blocks. */
const LAYER_SCALE = 1;

/**
 * A network with random weights, for normalised pictures `[batch, 28, 28, 1]`.
 *
 * @param backprop the gradients are the same in both; `'stored'` is faster and takes more memory
 */
export function network(size: SizeName, backprop: 'reversible' | 'stored'): tf.LayersModel {
  const { channels } = { channels: undefined, ...SIZES[size] };
  const model = createModel('revcol_femto', { backprop, channels: channels && [...channels] });
  for (const weight of model.weights) {
    if (!weight.originalName.endsWith('/layer_scale')) continue;
    tf.tidy(() =>
      (weight.read() as tf.Variable).assign(tf.fill(weight.shape as number[], LAYER_SCALE)),
    );
  }
  return model;
}
