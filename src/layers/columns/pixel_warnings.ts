/** What looks wrong about the first images that a layer gets, said once and without waiting for them. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { areNormalized } from '../../common/pixel_statistics';
import { isCompilingOnly } from '../../ops/engine/compile_only';
import type { PixelStatistics } from '../../ops/normalize_pixels';
import { type PixelSample, samplePixels } from '../../ops/pixel_sample';

type Layer = tfl.layers.Layer;

/** Layers that have looked at their images, or are about to. */
const [lookedForSign, lookedForUnits] = [new WeakSet<Layer>(), new WeakSet<Layer>()];

/** What is known of stems whose backbone normalises. */
const normalizing = new WeakMap<Layer, { own: string; complained: boolean }>();

/**
 * @param looked layers that need not look again
 * @param complaint what is to be said of the images, or null
 */
function lookOnce(
  looked: WeakSet<Layer>,
  layer: Layer,
  x: tf.Tensor,
  complaint: (sample: PixelSample) => string | null,
): void {
  // What is compiled alone has no values.
  if (looked.has(layer) || isCompilingOnly()) return;
  looked.add(layer);
  samplePixels(x, (sample) => {
    // Nothing but zeros tells nothing: somebody warms the model up.
    if (sample.least === 0 && sample.most === 0) looked.delete(layer);
    const text = complaint(sample);
    if (text != null) console.warn(text);
  });
}

function range({ least, most }: PixelSample): string {
  const rounded = (value: number) => String(Number(value.toPrecision(3)));
  return `values from ${rounded(least)} to ${rounded(most)}`;
}

/**
 * Warns once when the first images in training, of 1 or 3 channels, are all of one sign: their
 * brightness is lost on a stem that ends in a LayerNorm.
 *
 * @param owner class name for the message
 * @param x `[batch, height, width, channels]`
 */
export function warnOfOneSign(owner: string, layer: Layer, x: tf.Tensor): void {
  const channels = x.shape[3];
  if (x.rank !== 4 || (channels !== 1 && channels !== 3)) return;
  lookOnce(lookedForSign, layer, x, (sample) => {
    if (!(sample.least >= 0 && sample.most > 0) && !(sample.most <= 0 && sample.least < 0)) {
      return null;
    }
    const by = normalizing.get(layer);
    if (by?.complained) return null;
    if (by) {
      return (
        `${owner}: ${by.own} leave the first images in training with ${range(sample)}, all of one sign. ` +
        `The LayerNorm of the stem takes away how bright such images are, and training may stay at ` +
        `chance. Give the mean of your pixels as pixelMean`
      );
    }
    const [mean, std] = sample.most > 1 ? [127.5, 64] : [0.5, 0.25];
    return (
      `${owner}: the first images in training hold ${range(sample)}, all of one sign. The ` +
      `LayerNorm of the stem takes away how bright such images are, and training may stay at chance. ` +
      `Let the model centre them: give revColBackbone or createModel pixelMean and pixelStd, the ` +
      `mean and deviation of your pixels, for example ${mean} and ${std}`
    );
  });
}

/** How far pixels may lie outside their range, as after sharp resizing, in units of the range. */
const SLACK = 0.1;

/**
 * Warns once when the first images that a normalising layer gets are no pixels of the units that its
 * means have: normalised already, or in 0..255 where the means are in 0..1.
 *
 * @param owner class name for the message
 * @param stem what gets the normalised images; says no more of them when this has complained
 */
export function warnOfUnits(
  owner: string,
  layer: Layer,
  stem: Layer,
  x: tf.Tensor,
  statistics: PixelStatistics,
): void {
  if (lookedForUnits.has(layer)) return;
  const { mean, std } = statistics;
  const own = `pixelMean [${mean.join(', ')}] and pixelStd [${std.join(', ')}]`;
  if (!normalizing.has(stem)) normalizing.set(stem, { own, complained: false });
  lookOnce(lookedForUnits, layer, x, (sample) => {
    const complaint = unitsComplaint(owner, own, sample, statistics);
    if (complaint != null) normalizing.set(stem, { own, complained: true });
    return complaint;
  });
}

/** What is to be said of the units of images, or null. */
function unitsComplaint(
  owner: string,
  own: string,
  sample: PixelSample,
  { mean }: PixelStatistics,
): string | null {
  if (areNormalized(sample.values, mean.length)) {
    return (
      `${owner}: the first images were normalised by preprocess(), and the model normalises ` +
      `them again, by ${own}. Give it pixels as they are (fitImage() fits them to the input size), ` +
      `or leave pixelMean and pixelStd out`
    );
  }
  // Means that are not above 0 are not those of pixels: nothing is known of the range then.
  if (!mean.every((value) => value > 0 && value < 255)) return null;
  const top = mean.every((value) => value < 1) ? 1 : 255;
  const isBelow = sample.least < -SLACK * top;
  const isAbove = sample.most > (1 + SLACK) * top;
  const isDark = top === 255 && sample.least >= 0 && sample.most > 0 && sample.most <= 1;
  if (!isBelow && !isAbove && !isDark) return null;
  const hint = isBelow
    ? 'pixels have none below 0: if something has normalised them already, leave out one of the two'
    : 'give the images, pixelMean and pixelStd the same units';
  return (
    `${owner}: the first images hold ${range(sample)}, and the model normalises by ${own}, ` +
    `as of pixels in 0..${top}; ${hint}`
  );
}
