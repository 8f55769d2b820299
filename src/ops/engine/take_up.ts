/** When backend 'tensorflow' takes over the values that JavaScript has made. */
import * as tf from '@tensorflow/tfjs-core';

import { withFreshTape } from './engine';

/** Less than this is not worth an operation. */
const LEAST_SIZE = 4096;

/**
 * Lets backend 'tensorflow' copy a tensor's values into memory of its own, as it does by itself when the first
 * operation reads them. Where the first step of training does that with all weights of a network, memory holds
 * them twice, because nothing in a step makes V8 collect arrays. While weights are being made or loaded it
 * does so all along. On other backends nothing happens.
 */
export function takeUp(tensor: tf.Tensor): void {
  if (tf.getBackend() !== 'tensorflow' || tensor.size < LEAST_SIZE) return;
  const [origin, one] = [0, 1].map((n) => tensor.shape.map(() => n)) as [number[], number[]];
  withFreshTape(() => tf.slice(tensor, origin, one).dispose());
}
