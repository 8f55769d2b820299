/** The mask of padded ids as a tensor, for layers that take it as an input. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { LayerArgs } from '../base/checked_layer';
import { CheckedLayer } from '../base/checked_layer';

/**
 * Which tokens are real: 1 where an id is not 0. For layers that take the mask of a further input as
 * an input, because tfjs passes on the first input's only.
 *
 * Input: ids, any shape. Output: the same shape, float32 0 or 1.
 */
export class PaddingMask extends CheckedLayer {
  static className = 'RevColPaddingMask';
  static override readonly optionNames: object = {};

  constructor(args: LayerArgs = {}) {
    super(args);
    this.takes({ axes: [['batch', '...']] });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [ids] = this.checkedTensors(inputs);
    return tf.tidy(() => tf.cast(tf.notEqual(ids, 0), 'float32'));
  }
}
