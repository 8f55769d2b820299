/** Segmenting an image: a class for each of its pixels. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import { requireOptions } from '../common/options';
import { resizeForward } from '../ops/dense/resize';
import { readTensor } from '../ops/engine/lost_backend';
import type { PixelImage } from '../preprocessing/image';
import { rescaledSize, type Size } from '../preprocessing/rescaled_size';
import { type PictureSource, pictureSource } from './picture_source';
import {
  type Colour,
  type Labels,
  labelsOf,
  OWNER,
  SEGMENT_OPTIONS,
  type SegmentOptions,
  type Settings,
  settingsOf,
} from './segment_options';
import { pixelLogits } from './segmentation_logits';

/** A class and how much of an image it covers. */
export interface ClassArea {
  /** Its number. */
  index: number;
  name: string;
  colour: Colour;
  pixels: number;
  /** Of the image, from 0 to 1. */
  share: number;
}

/** What `segment` gives. */
export interface Segmentation {
  width: number;
  height: number;
  /** Class of each pixel, row by row from the top left. */
  map: Uint8Array | Uint16Array;
  /** Name of every class of the model. */
  classes: readonly string[];
  /** Colour of every class of the model. */
  palette: readonly Colour[];
  /** The classes that are there, the largest first. */
  areas: ClassArea[];
}

/** Mirrored, left to right. */
const mirrored = (x: tf.Tensor) => tf.reverse(x, 2);

/**
 * Class of every pixel of an image, in the image's size. One image at a time, window by window; between
 * two windows other code runs. The values are read when the device has them.
 *
 * With several `scales`, or `flip`, the softmax outputs of all are averaged at the output's size, as
 * mmsegmentation does, which takes memory for every class of every pixel.
 *
 * @param model a segmenter: what `createModel('upernet_revcol_tiny.ade20k_512')` gives, or any model whose
 *   first output is logits `[batch, h, w, classes]`, of any size
 * @param image RGB or RGBA pixels, of any size, such as `ImageData` (`readPixels` makes them); or a tensor
 *   `[height, width, channels]` that is normalised as the model takes it
 * @throws {Error} when an option is out of range, the model is no segmenter, or the image is none or is
 *   too small for the model (32 pixels, for the published ones)
 * @throws {unknown} `signal.reason` when stopped
 *
 * @example
 * const record = segmentationWeights('upernet_revcol_tiny.ade20k_512');
 * const model = await createModel(record.name, { pretrained: true });
 * const { areas } = await segment(model, pixels, { ...record, mode: 'slide' });
 */
export async function segment(
  model: tfl.LayersModel,
  image: PixelImage | tf.Tensor,
  options: SegmentOptions = {},
): Promise<Segmentation> {
  requireOptions(OWNER, options, SEGMENT_OPTIONS);
  requireModel(OWNER, model);
  const classes = model.outputs?.[0]?.shape.at(-1) ?? null;
  const known = labelsOf(options, classes);
  const source = pictureSource(OWNER, image);
  try {
    const settings = settingsOf(options, source.size);
    const values = await classMap(model, source, settings, options);
    return described(values, settings.outputSize, known);
  } finally {
    source.tensor.dispose();
  }
}

async function classMap(
  model: tfl.LayersModel,
  source: PictureSource,
  settings: Settings,
  { onProgress, signal }: SegmentOptions,
): Promise<ArrayLike<number>> {
  const { scales, flip, outputSize, sliding, shortSide } = settings;
  const passes = scales.flatMap((scale) =>
    (flip ? [false, true] : [false]).map((isFlipped) => ({ scale, isFlipped })),
  );
  let sum: tf.Tensor | null = null;
  try {
    for (const [i, { scale, isFlipped }] of passes.entries()) {
      const between = async (done: number, total: number) => {
        onProgress?.((i + done / total) / passes.length);
        // Lets the rest of the program run, which a backend on the CPU holds up.
        await new Promise((resolve) => setTimeout(resolve));
        signal?.throwIfAborted();
      };
      const x = tf.tidy(() => {
        const sized = source.at(rescaledSize(scale, source.size, shortSide), settings);
        return (isFlipped ? mirrored(sized) : sized) as tf.Tensor4D;
      });
      const logits = await pixelLogits(model, x, sliding, between).finally(() => x.dispose());
      const before: tf.Tensor | null = sum;
      sum = tf.tidy(() => {
        const resized = resizeForward(logits, outputSize);
        // The largest probability is the largest logit, and of one pass it is all that counts.
        if (passes.length === 1) return resized;
        const probabilities = tf.softmax(isFlipped ? mirrored(resized) : resized);
        return before ? tf.add(before, probabilities) : probabilities;
      });
      tf.dispose([logits, ...(before ? [before] : [])]);
    }
    const best = tf.tidy(() => tf.argMax(sum as unknown as tf.Tensor, 3));
    const values = await readTensor(best).finally(() => best.dispose());
    onProgress?.(1);
    return values;
  } finally {
    sum?.dispose();
  }
}

/** A class map with its names, colours and areas. */
export function described(
  values: ArrayLike<number>,
  [height, width]: Size,
  { classes, palette }: Labels,
): Segmentation {
  const map = classes.length > 256 ? Uint16Array.from(values) : Uint8Array.from(values);
  const counts = new Array<number>(classes.length).fill(0);
  for (const index of map) counts[index] = (counts[index] as number) + 1;
  const areas = counts
    .map((pixels, index) => ({
      index,
      name: classes[index] as string,
      colour: palette[index] as Colour,
      pixels,
      share: pixels / map.length,
    }))
    .filter(({ pixels }) => pixels > 0)
    .sort((a, b) => b.pixels - a.pixels);
  return { width, height, map, classes, palette, areas };
}
