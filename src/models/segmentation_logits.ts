/** Logits of every pixel of an image: of the whole image at once, or of windows that slide over it. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';
import { resizeForward } from '../ops/dense/resize';
import type { Size } from '../preprocessing/rescaled_size';

/** Part of an image: rows and columns from the first to before the last. */
export interface Window {
  y1: number;
  x1: number;
  y2: number;
  x2: number;
}

/** How windows slide over an image. */
export interface Sliding {
  /** Size of a window. */
  crop: Size;
  /** From one to the next. */
  stride: number;
}

/** Starts of windows along one side. */
function starts(length: number, crop: number, stride: number): number[] {
  const count = Math.floor(Math.max(length - crop + stride - 1, 0) / stride) + 1;
  return Array.from({ length: count }, (_, i) =>
    Math.max(Math.min(i * stride + crop, length) - crop, 0),
  );
}

/**
 * Windows that cover an image, row by row. The last one along a side is shifted back inside; an image
 * smaller than a window is one smaller window.
 *
 * Source: `slide_inference` of mmsegmentation's EncoderDecoder.
 */
export function windowsOf([height, width]: Size, { crop, stride }: Sliding): Window[] {
  const [tall, wide] = crop;
  return starts(height, tall, stride).flatMap((y1) =>
    starts(width, wide, stride).map((x1) => ({
      y1,
      x1,
      y2: Math.min(y1 + tall, height),
      x2: Math.min(x1 + wide, width),
    })),
  );
}

/** Called before each window. */
export type BetweenWindows = (done: number, total: number) => Promise<void>;

/** Asserts that a model takes images of a size. */
function requireSize(model: tfl.LayersModel, [height, width]: Size): void {
  const [, h, w] = model.inputs[0]?.shape as tfl.Shape;
  if ((h ?? height) === height && (w ?? width) === width) return;
  throw new Error(
    `segment: the model ${model.name} takes images of ${show([h ?? null, w ?? null])} pixels, not of ` +
      `${height} x ${width}; make it with sides left open, inputShape [null, null, 3], or slide windows of ` +
      `its size over images that are not smaller: mode: 'slide', inputSize: ${show([h ?? null, w ?? null])}`,
  );
}

/** Logits of the decode head, resized to the images. */
function logitsAtSize(model: tfl.LayersModel, x: tf.Tensor): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number];
  requireSize(model, [height, width]);
  return tf.tidy(() => {
    const outputs = model.predict(x);
    const logits = Array.isArray(outputs) ? (outputs[0] as tf.Tensor) : outputs;
    if (logits.rank !== 4) {
      throw new Error(
        `segment: the model ${model.name} gives ${show(logits.shape)}; expected the logits of a segmenter, ` +
          `[batch, height, width, classes], such as createModel('upernet_revcol_tiny.ade20k_512') gives`,
      );
    }
    return resizeForward(logits, [height, width]);
  });
}

/**
 * Logits of every pixel.
 *
 * @param x a batch of images, `[batch, height, width, channels]`, as the model takes them
 * @param sliding null: the whole image at once
 * @param between called before each window, the one of a whole image included
 * @returns `[batch, height, width, classes]`; the caller disposes it
 */
export async function pixelLogits(
  model: tfl.LayersModel,
  x: tf.Tensor4D,
  sliding: Sliding | null,
  between: BetweenWindows = async () => undefined,
): Promise<tf.Tensor> {
  const [batch, height, width, channels] = x.shape;
  if (!sliding) {
    await between(0, 1);
    return logitsAtSize(model, x);
  }
  const windows = windowsOf([height, width], sliding);
  const counts = new Float32Array(height * width);
  let total: tf.Tensor | null = null;
  try {
    for (const [i, { y1, x1, y2, x2 }] of windows.entries()) {
      await between(i, windows.length);
      const before: tf.Tensor | null = total;
      total = tf.tidy(() => {
        const part = tf.slice(x, [0, y1, x1, 0], [batch, y2 - y1, x2 - x1, channels]);
        const own = tf.pad(logitsAtSize(model, part), [
          [0, 0],
          [y1, height - y2],
          [x1, width - x2],
          [0, 0],
        ]);
        return before ? tf.add(before, own) : own;
      });
      before?.dispose();
      for (let y = y1; y < y2; y++) {
        for (let at = y * width + x1; at < y * width + x2; at++) {
          counts[at] = (counts[at] as number) + 1;
        }
      }
    }
    const sum = total as unknown as tf.Tensor;
    return tf.tidy(() => tf.div(sum, tf.tensor4d(counts, [1, height, width, 1])));
  } finally {
    total?.dispose();
  }
}
