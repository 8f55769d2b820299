/** The mask of padded ids as a tensor, for layers that take it as an input. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { toTensors } from '../base/inputs';

/**
 * Which tokens are real: 1 where an id is not 0. For layers that take the mask of a further input as
 * an input, because tfjs passes on the first input's only.
 *
 * Input: ids, any shape. Output: the same shape, float32 0 or 1.
 */
export class PaddingMask extends tfl.layers.Layer {
  static className = 'RevColPaddingMask';

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const ids = toTensors(inputs)[0] as tf.Tensor;
    return tf.tidy(() => tf.cast(tf.notEqual(ids, 0), 'float32'));
  }
}
