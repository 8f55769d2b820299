/** Segmenting an image: a class for each of its pixels. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import { requireOptions } from '../common/options';
import { resizedRows, rowsRead, rowsWithin } from '../ops/dense/resize_rows';
import { readTensor } from '../ops/engine/lost_backend';
import type { PixelImage } from '../preprocessing/image';
import { rescaledSize, type Size } from '../preprocessing/rescaled_size';
import { type PictureSource, pictureSource } from './picture_source';
import { withSaved } from './saved_options';
import {
  type Colour,
  type Labels,
  labelsOf,
  OWNER,
  SEGMENT_OPTIONS,
  SEGMENTING_SIZES,
  type SegmentOptions,
  type Settings,
  settingsOf,
} from './segment_options';
import { type LogitRows, slidingLogits, wholeLogits, windowsOf } from './segmentation_logits';

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

/** Bytes of the logits of a band: rows of the map that are found at a time. */
const BAND_BYTES = 2 ** 25;

/** Mirrored, left to right. */
const mirrored = (x: tf.Tensor) => tf.reverse(x, 2);

/**
 * Class of every pixel of an image, in the image's size. One image at a time, window by window; between
 * two windows other code runs. The values are read when the device has them.
 *
 * With several `scales`, or `flip`, the softmax outputs of all are averaged at the output's size, as
 * mmsegmentation does.
 *
 * Memory: classes are found in bands of some rows, for which alone there are logits of all classes in the output's
 * size. Held besides are the map, a byte (of more than 256 classes two) for each pixel, and for every scale, and
 * once more mirrored, with mode `'whole'` the logits as the model gives them, a sixteenth of the size that it looks at;
 * with `'slide'` those of as many rows as a window has. The map is the same whatever the bands.
 *
 * @param model a segmenter: what `createModel('upernet_revcol_tiny.ade20k_512')` gives, or any model whose
 *   first output is logits `[batch, h, w, classes]`, of any size
 * @param image RGB or RGBA pixels, of any size, such as `ImageData` (`readPixels` makes them); or a tensor
 *   `[height, width, channels]` that is normalised as the model takes it
 * @throws {Error} when an option is out of range, the model is no segmenter or gives logits that are not finite, or the
 *   image is none or is too small for the model (32 pixels, for the published ones)
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
  return segmentInBands(model, image, options, BAND_BYTES);
}

/**
 * `segment`, with bands of another size.
 *
 * @param bandBytes of the logits of a band, at most; a row is always there
 */
export async function segmentInBands(
  model: tfl.LayersModel,
  image: PixelImage | tf.Tensor,
  given: SegmentOptions,
  bandBytes: number,
): Promise<Segmentation> {
  requireOptions(OWNER, given, SEGMENT_OPTIONS);
  requireModel(OWNER, model);
  const options = withSaved(model, given, SEGMENTING_SIZES, image);
  const classes = model.outputs?.[0]?.shape.at(-1) ?? null;
  const known = labelsOf(options, classes);
  const source = pictureSource(OWNER, image);
  try {
    const settings = settingsOf(options, source.size);
    const count = known.classes.length;
    const map = await classMap(model, source, { ...settings, count, bandBytes }, options);
    return described(map, settings.outputSize, known);
  } finally {
    source.dispose();
  }
}

async function classMap(
  model: tfl.LayersModel,
  source: PictureSource,
  settings: Settings & { count: number; bandBytes: number },
  { onProgress, signal }: SegmentOptions,
): Promise<Uint8Array | Uint16Array> {
  const { scales, flip, outputSize, sliding, shortSide, count: classes, bandBytes } = settings;
  const [height, width] = outputSize;
  let [done, total] = [0, 0];
  const next = async () => {
    onProgress?.(done++ / total);
    // Lets the rest of the program run, which a backend on the CPU holds up.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  };
  const passes = scales.flatMap((scale) =>
    (flip ? [false, true] : [false]).map((isFlipped) => {
      const size = rescaledSize(scale, source.size, shortSide);
      const rows = (first: number, last: number) => {
        const own = source.rows(size, settings, first, last);
        return isFlipped ? mirrored(own) : own;
      };
      const logits = sliding
        ? slidingLogits(model, { size, rows }, sliding, next)
        : wholeLogits(model, { size, rows }, next);
      return { size, isFlipped, logits };
    }),
  );
  const rowBytes = passes.map(
    ({ size: [h, w] }) => 4 * classes * Math.max(w, width) * Math.max(1, h / height),
  );
  const step = rowsWithin(Math.max(1, ...rowBytes), bandBytes);
  total = Math.ceil(height / step);
  for (const { size } of passes) total += sliding ? windowsOf(size, sliding).length : 1;
  const map = classes > 256 ? new Uint16Array(height * width) : new Uint8Array(height * width);
  try {
    for (let first = 0; first < height; first += step) {
      const last = Math.min(first + step, height);
      const best = await bandClasses(passes, outputSize, first, last);
      map.set(await readTensor(best).finally(() => best.dispose()), first * width);
      await next();
    }
    onProgress?.(1);
    return map;
  } finally {
    for (const { logits } of passes) logits.dispose();
  }
}

/** A look at the picture. */
interface Pass {
  readonly size: Size;
  readonly isFlipped: boolean;
  readonly logits: LogitRows;
}

/** Classes of rows `first` to before `last` of the map. */
async function bandClasses(
  passes: readonly Pass[],
  outputSize: Size,
  first: number,
  last: number,
): Promise<tf.Tensor> {
  let sum: tf.Tensor | null = null;
  try {
    for (const { size, isFlipped, logits } of passes) {
      const [start, end] = rowsRead(size[0], outputSize[0], first, last);
      const rows = await logits.rows(start, end);
      const before: tf.Tensor | null = sum;
      try {
        sum = tf.tidy(() => {
          const resized = resizedRows(rows, start, size, outputSize, first, last);
          // The largest probability is the largest logit, and of one pass it is all that counts.
          if (passes.length === 1) return resized;
          const probabilities = tf.softmax(isFlipped ? mirrored(resized) : resized);
          return before ? tf.add(before, probabilities) : probabilities;
        });
      } finally {
        rows.dispose();
      }
      before?.dispose();
    }
    return tf.tidy(() => tf.argMax(sum as unknown as tf.Tensor, 3));
  } finally {
    sum?.dispose();
  }
}

/** A class map with its names, colours and areas. */
function described(
  map: Uint8Array | Uint16Array,
  [height, width]: Size,
  { classes, palette }: Labels,
): Segmentation {
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
