import { cast, notEqual, tidy, type Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';

import { toTensors } from './transformer_masks';

/**
 * Which tokens are real: 1 where an id is not 0. For layers that take the mask of a further input as
 * an input, because tfjs passes on the first input's only.
 *
 * Input: ids, any shape. Output: the same shape, float32 0 or 1.
 */
export class PaddingMask extends tf.layers.Layer {
  static className = 'RevColPaddingMask';

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return inputShape;
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const ids = toTensors(inputs)[0] as Tensor;
    return tidy(() => cast(notEqual(ids, 0), 'float32'));
  }
}
