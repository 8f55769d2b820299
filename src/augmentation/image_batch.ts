/** Batches of images as tensors. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument } from '../common/arguments';

/** Asserts a batch of images, `[batch, height, width, channels]`. */
export function requireImages(owner: string, images: unknown): asserts images is tf.Tensor4D {
  const fits = images instanceof tf.Tensor && images.rank === 4 && !images.isDisposed;
  requireArgument(owner, 'images', images, fits, 'a tensor [batch, height, width, channels]');
}
