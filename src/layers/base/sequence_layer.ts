/** The base of layers that take masks: they pass the mask of their first input on unless they say otherwise. */
import type * as tf from '@tensorflow/tfjs-core';

import type { LayerArgs } from './checked_layer';
import { CompositeLayer } from './composite_layer';
import { firstMask, withoutMaskMetadata } from './masks';

/** A layer of sequences `[batch, time, ...]`, whose masks are `[batch, time]`. */
export abstract class SequenceLayer extends CompositeLayer {
  constructor(args: LayerArgs = {}) {
    super(args);
    this.supportsMasking = true;
    withoutMaskMetadata(this);
  }

  /** The mask of the output: that of the first input. */
  override computeMask(
    _inputs: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] {
    // tfjs's type leaves out that there may be none.
    return firstMask(mask) as tf.Tensor;
  }
}
