/** Pictures with objects as a batch that a detector is trained on. */
import * as tf from '@tensorflow/tfjs-core';

import type { DetectionExample } from '../augmentation/detection_transform';
import type { BinaryMask } from '../coco/run_lengths';
import { requireArgument, requireInteger, requireList } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { noteNormalized } from '../common/pixel_statistics';
import { toRgb } from '../preprocessing/image';
import {
  normalizationTable,
  normalizeBytes,
  requireStatistics,
} from '../preprocessing/normalization_table';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';

/** Options of `detectionBatch`. */
export interface DetectionBatchOptions {
  /** Height and width of the batch are multiples of this, in pixels. Default 32. */
  sizeDivisor?: number;
  /** Per-channel mean, RGB, for pixels in 0..1. Default: ImageNet's. */
  mean?: readonly [number, number, number];
  /** Per-channel deviation, RGB, for pixels in 0..1. Default: ImageNet's. */
  std?: readonly [number, number, number];
}

const OPTIONS: OptionNames<DetectionBatchOptions> = { sizeDivisor: true, mean: true, std: true };

/** A batch of pictures with objects. */
export interface DetectionBatch {
  /** float32 `[pictures, height, width, 3]`, normalised, 0 beyond each picture; the caller disposes it. */
  readonly images: tf.Tensor4D;
  /** Of each picture. */
  readonly objects: readonly {
    /** Height and width without padding, in pixels. */
    readonly size: readonly [height: number, width: number];
    /** `[objects, 4]`: left, top, right, bottom in pixels. */
    readonly boxes: Float32Array;
    readonly labels: Int32Array;
    /** Of the picture without padding; none where there were none. */
    readonly masks: readonly BinaryMask[];
  }[];
}

const OWNER = 'detectionBatch';

/**
 * Normalises pictures and pads them behind their right and lower edges to one size, the smallest that holds
 * all and can be divided, as mmdetection does it (`Normalize`, `Pad`).
 *
 * @param examples what a `detectionTransform` gives, one or more
 * @throws {Error} when there is none, one is malformed, or an option is unknown or out of range
 *
 * @example
 * const { images, objects } = detectionBatch([transform(image, marked, seed)]);
 * await detectionStep(model, optimizer, images, objects);
 * images.dispose();
 */
export function detectionBatch(
  examples: readonly DetectionExample[],
  options: DetectionBatchOptions = {},
): DetectionBatch {
  requireOptions(OWNER, options, OPTIONS);
  requireList(
    OWNER,
    'examples',
    examples,
    'pictures with objects, as detectionTransform gives them',
  );
  requireArgument(OWNER, 'examples', examples, examples.length > 0, 'one picture or more');
  const { sizeDivisor = 32, mean = IMAGENET_MEAN, std = IMAGENET_STD } = options;
  requireInteger(OWNER, 'sizeDivisor', sizeDivisor, 1);
  requireStatistics(OWNER, mean, std);
  const images = examples.map((example) =>
    toRgb((example as Partial<DetectionExample>)?.image as never),
  );
  const padded = (sides: readonly number[]) =>
    sizeDivisor * Math.ceil(Math.max(...sides) / sizeDivisor);
  const height = padded(images.map((image) => image.height));
  const width = padded(images.map((image) => image.width));
  const values = new Float32Array(images.length * height * width * 3);
  const table = normalizationTable(mean, std);
  images.forEach((image, i) => {
    const stride = 3 * image.width;
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(stride * y, stride * (y + 1));
      normalizeBytes(row, table, values, 3 * width * (height * i + y));
    }
  });
  noteNormalized(mean, std);
  return {
    images: tf.tensor4d(values, [images.length, height, width, 3]),
    objects: examples.map(({ boxes, labels, masks = [] }, i) => {
      const { height: tall, width: wide } = images[i] as { height: number; width: number };
      return { size: [tall, wide], boxes, labels, masks };
    }),
  };
}
