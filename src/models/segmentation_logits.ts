/**
 * Logits of every pixel of an image: of the whole image at once, or of windows that slide over it. They are given by rows
 * from the top, so that those of all pixels are never there together.
 */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';
import { resizedRows } from '../ops/dense/resize_rows';
import { readTensor } from '../ops/engine/lost_backend';
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

/** Called before each window, the one of a whole image included. */
export type BeforeWindow = () => Promise<void>;

/** Images as the model takes them, some rows at a time. */
export interface ModelInput {
  readonly size: Size;
  /** Rows `first` to before `last`, `[batch, last - first, width, channels]`. */
  rows(first: number, last: number): tf.Tensor;
}

/** Logits at the size of the images. */
export interface LogitRows {
  /**
   * Rows `first` to before `last`, `[batch, last - first, width, classes]`, the caller's. Those of one call begin where
   * those of the call before began, or below.
   */
  rows(first: number, last: number): Promise<tf.Tensor>;
  /** Frees what is held. */
  dispose(): void;
}

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

/**
 * Logits of the decode head, in the size in which it gives them; the caller's.
 *
 * @param images makes what the model looks at
 */
async function lowLogits(model: tfl.LayersModel, images: () => tf.Tensor): Promise<tf.Tensor> {
  const low = tf.tidy(() => {
    const x = images();
    const [, height, width] = x.shape as [number, number, number];
    requireSize(model, [height, width]);
    const outputs = model.predict(x);
    const logits = Array.isArray(outputs) ? (outputs[0] as tf.Tensor) : outputs;
    if (logits.rank !== 4) {
      throw new Error(
        `segment: the model ${model.name} gives ${show(logits.shape)}; expected the logits of a segmenter, ` +
          `[batch, height, width, classes], such as createModel('upernet_revcol_tiny.ade20k_512') gives`,
      );
    }
    return logits;
  });
  // Of what is no number, a class would be made all the same.
  const isGood = tf.tidy(() => tf.all(tf.isFinite(low)));
  try {
    if ((await readTensor(isGood))[0] === 1) return low;
    throw new Error(
      `segment: the model ${model.name} gives logits that are not finite; check the image, and what training has ` +
        `made of the weights`,
    );
  } catch (error) {
    low.dispose();
    throw error;
  } finally {
    isGood.dispose();
  }
}

const sizeOf = (x: tf.Tensor): Size => [x.shape[1] as number, x.shape[2] as number];

/** Logits of whole images: those that the head gives are held, and resized by rows. */
export function wholeLogits(
  model: tfl.LayersModel,
  input: ModelInput,
  before: BeforeWindow,
): LogitRows {
  let low: tf.Tensor | null = null;
  return {
    rows: async (first, last) => {
      if (!low) {
        await before();
        low = await lowLogits(model, () => input.rows(0, input.size[0]));
      }
      return resizedRows(low, 0, sizeOf(low), input.size, first, last);
    },
    dispose: () => low?.dispose(),
  };
}

/** How many of some windows cover each place along a side. */
function cover(length: number, windows: readonly (readonly [number, number])[]): Float32Array {
  const counts = new Float32Array(length);
  for (const [from, to] of windows) {
    for (let i = from; i < to; i++) counts[i] = (counts[i] as number) + 1;
  }
  return counts;
}

/**
 * Logits of windows that slide over images, averaged where they overlap: rows of windows are added up until all
 * windows of a row of pixels are there.
 */
export function slidingLogits(
  model: tfl.LayersModel,
  input: ModelInput,
  sliding: Sliding,
  before: BeforeWindow,
): LogitRows {
  const [height, width] = input.size;
  const windows = windowsOf(input.size, sliding);
  const lines = [...new Set(windows.map(({ y1 }) => y1))].map((y1) =>
    windows.filter((window) => window.y1 === y1),
  );
  const upright = cover(
    height,
    lines.map(([window]) => [(window as Window).y1, (window as Window).y2]),
  );
  const across = cover(
    width,
    (lines[0] as Window[]).map(({ x1, x2 }) => [x1, x2]),
  );
  // Sums of rows from `top` on.
  let sums: tf.Tensor | null = null;
  let [top, taken] = [0, 0];
  const replace = (make: (old: tf.Tensor | null) => tf.Tensor) => {
    const made = tf.tidy(() => make(sums));
    sums?.dispose();
    sums = made;
  };
  /** Adds a row of windows, and drops rows of pixels above `first`. */
  const add = async (line: readonly Window[], first: number) => {
    const { y1, y2 } = line[0] as Window;
    const images = tf.tidy(() => input.rows(y1, y2));
    const [batch, tall, , channels] = images.shape as [number, number, number, number];
    try {
      for (const { x1, x2 } of line) {
        await before();
        const low = await lowLogits(model, () =>
          tf.slice(images, [0, 0, x1, 0], [batch, tall, x2 - x1, channels]),
        );
        try {
          replace((old) => {
            const logits = resizedRows(low, 0, sizeOf(low), [tall, x2 - x1], 0, tall);
            const own = padded(logits, y1 - first, 0, x1, width - x2);
            return old ? tf.add(extended(old, top, first, y2), own) : own;
          });
        } finally {
          low.dispose();
        }
        top = first;
      }
    } finally {
      images.dispose();
    }
    taken++;
  };
  return {
    rows: async (first, last) => {
      while (taken < lines.length) {
        const line = lines[taken] as Window[];
        const { y1 } = line[0] as Window;
        if (y1 >= last) break;
        await add(line, Math.min(first, y1));
      }
      return tf.tidy(() => {
        const held = sums as unknown as tf.Tensor;
        const [batch, , , classes] = held.shape as [number, number, number, number];
        const own = tf.slice(held, [0, first - top, 0, 0], [batch, last - first, width, classes]);
        const counts = tf.mul(
          tf.tensor(upright.slice(first, last), [1, last - first, 1, 1]),
          tf.tensor(across, [1, 1, width, 1]),
        );
        return tf.div(own, counts);
      });
    },
    dispose: () => sums?.dispose(),
  };
}

/** With zeros around. */
function padded(
  x: tf.Tensor,
  above: number,
  below: number,
  left: number,
  right: number,
): tf.Tensor {
  return tf.pad(x, [
    [0, 0],
    [above, below],
    [left, right],
    [0, 0],
  ]);
}

/** Rows from `first` to before `last` of sums that begin at `top`; zeros where there are none yet. */
function extended(sums: tf.Tensor, top: number, first: number, last: number): tf.Tensor {
  const [batch, rows, width, classes] = sums.shape as [number, number, number, number];
  if (first === top && last === top + rows) return sums;
  const kept = tf.slice(
    sums,
    [0, first - top, 0, 0],
    [batch, rows - (first - top), width, classes],
  );
  return padded(kept, 0, last - top - rows, 0, 0);
}
