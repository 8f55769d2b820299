/** A look at images that stops nobody: it is asked for now and answered when the device gets to it. */
import * as tf from '@tensorflow/tfjs-core';

import { withFreshTape } from './engine/engine';
import { letRead } from './engine/reads_in_flight';

/** What was seen of a batch of images. */
export interface PixelSample {
  least: number;
  most: number;
  /** Values of pixels from all over the batch, channel after channel of each. */
  values: readonly number[];
}

/** Most pixels whose values are part of a sample. */
const PIXELS = 64;

/** Backends on which the answer to a question is lost with the tensor. Others answer all the same. */
const ANSWERS_WHILE_ALIVE = new Set(['webgpu']);

/**
 * Reads the range of a batch and some of its pixels without waiting for the device. Neither throws nor
 * stays: a device that fails or never answers leaves everything as it was.
 *
 * @param x `[batch, ..., channels]`; may be disposed of as soon as this returns
 * @param onSample called later, once, unless the device does not answer
 */
export function samplePixels(x: tf.Tensor, onSample: (sample: PixelSample) => void): void {
  // Whatever is wrong in here shows where the images are used.
  try {
    const sample = withFreshTape(() => tf.tidy(() => tf.keep(sampleOf(x))));
    const mustWait = ANSWERS_WHILE_ALIVE.has(tf.getBackend());
    const read = async () => {
      try {
        const [least, most, ...values] = await sample.data();
        onSample({ least: least as number, most: most as number, values });
      } finally {
        if (mustWait) sample.dispose();
      }
    };
    if (mustWait) return letRead(read());
    void read().catch(() => undefined);
    sample.dispose();
  } catch {
    return;
  }
}

function sampleOf(x: tf.Tensor): tf.Tensor {
  const channels = x.shape[x.rank - 1] as number;
  const pixels = tf.reshape(x.dtype === 'float32' ? x : tf.cast(x, 'float32'), [-1, channels]);
  const total = pixels.shape[0] as number;
  const count = Math.min(PIXELS, total);
  const places = Int32Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
  const values = tf.reshape(tf.gather(pixels, tf.tensor1d(places, 'int32')), [-1]);
  return tf.concat([tf.stack([tf.min(pixels), tf.max(pixels)]), values]);
}
