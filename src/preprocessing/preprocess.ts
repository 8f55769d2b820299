/** Images to model input, as the published evaluation prepares them. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireSides } from '../common/arguments';
import { requireOptions } from '../common/options';
import { noteNormalized } from '../common/pixel_statistics';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import { fitImage, PREPROCESS_OPTIONS, type PreprocessOptions } from './fit_image';
import type { PixelImage } from './image';
import { normalizationTable, normalizeBytes, requireStatistics } from './normalization_table';

/**
 * Model input of one image or several: fitted to the input size, scaled to 0..1, mean subtracted,
 * divided by the deviation. Of a model with one channel the luma of that (ITU-R BT.601, as Pillow's
 * `convert('L')`). Not for a model that normalises by itself (`pixelMean`), which warns.
 *
 * @param images RGB or RGBA pixels, of any sizes; `ImageData` will do
 * @returns float32 `[images, height, width, channels]`; the caller disposes it
 * @throws {Error} when there is no image, `mean` or `std` is out of range, and as `fitImage`
 */
export function preprocess(
  images: PixelImage | readonly PixelImage[],
  options: PreprocessOptions = {},
): tf.Tensor4D {
  requireOptions('preprocess', options, PREPROCESS_OPTIONS);
  const list: readonly PixelImage[] = Array.isArray(images)
    ? (images as readonly PixelImage[])
    : [images as PixelImage];
  if (list.length === 0) throw new Error('preprocess: got no image; expected at least one');
  const [height, width] = requireSides('preprocess', 'inputSize', options.inputSize ?? [224, 224]);
  const channels = options.inputSize?.[2] ?? 3;
  requireArgument(
    'preprocess',
    'inputSize[2]',
    channels,
    channels === 1 || channels === 3,
    '3 channels, or 1 of a model of grey images',
  );
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD } = options;
  requireStatistics('preprocess', mean, std);
  const table = normalizationTable(mean, std);
  noteNormalized(mean, std);
  const values = new Float32Array(list.length * height * width * 3);
  list.forEach((image, i) => {
    normalizeBytes(fitImage(image, options).data, table, values, 3 * height * width * i);
  });
  const shape: [number, number, number, number] = [list.length, height, width, channels];
  return tf.tensor4d(channels === 3 ? values : lumaOf(values), shape);
}

/** One value for every three. */
function lumaOf(rgb: Float32Array): Float32Array {
  return Float32Array.from({ length: rgb.length / 3 }, (_, i) => {
    const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
    return 0.299 * r + 0.587 * g + 0.114 * b;
  });
}
