/** Batches of pictures with label maps: crops of an epoch, filled up to one size, as tensors. */
import * as tf from '@tensorflow/tfjs-core';

import type { LabelledPixels } from '../augmentation/segmentation_transform';
import { noteNormalized } from '../common/pixel_statistics';
import { normalizationTable, normalizeBytes } from '../preprocessing/normalization_table';
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';
import { labelledTransform } from './labelled_transform';
import { orderOf, readAhead, type ReadAheadOptions } from './read_ahead';
import { classesOf, type LabelledRecipe, type SegmentationSource } from './segmentation_source';

/** Some pictures as a segmenter takes them, with the class of each pixel. Whoever reads the batch disposes both. */
export interface SegmentationBatch {
  /** float32 `[pictures, height, width, 3]`, normalised; 0 where a picture does not reach. */
  readonly x: tf.Tensor4D;
  /** int32 `[pictures, height, width]`; `ignoreLabel` where a picture does not reach. */
  readonly labels: tf.Tensor3D;
  /** The number of each in its source. */
  readonly indices: Int32Array;
  /** How many places of the order are read with it, what was left out included. */
  readonly end: number;
}

/** Options of `readSegmentationBatches`. */
export interface ReadSegmentationOptions extends Omit<ReadAheadOptions, 'order'> {
  order?: ArrayLike<number>;
  /** How the pictures of this pass are changed. */
  recipe: LabelledRecipe;
  /** As `PreprocessOptions`; undefined for ImageNet's. */
  mean?: readonly [number, number, number];
  std?: readonly [number, number, number];
}

/**
 * Reads batch after batch, each picture changed by the recipe, by its number.
 *
 * @throws {Error} as `readAhead`, and when a source gives labels that are none of its classes
 * @throws what `signal` was aborted with
 */
export async function* readSegmentationBatches(
  owner: string,
  source: SegmentationSource,
  { recipe, order, mean = IMAGENET_MEAN, std = IMAGENET_STD, ...reading }: ReadSegmentationOptions,
): AsyncGenerator<SegmentationBatch, void> {
  const { cropSize = [512, 512] } = recipe.options;
  const transform = labelledTransform(recipe);
  const table = normalizationTable(mean, std);
  noteNormalized(mean, std);
  const read = (index: number) => readOne(source, index, recipe, transform);
  const name = (index: number) => source.name(index);
  const batches = readAhead(owner, name, read, {
    ...reading,
    order: orderOf(source.length, order),
  });
  for await (const { examples, indices, end } of batches) {
    yield { ...filledUp(examples, cropSize, source.ignoreLabel, table), indices, end };
  }
}

/** Reads one picture and its labels, and changes both. */
async function readOne(
  source: SegmentationSource,
  index: number,
  recipe: LabelledRecipe,
  transform: ReturnType<typeof labelledTransform>,
): Promise<LabelledPixels> {
  if (source.readTransformed) return source.readTransformed(index, recipe);
  const { image, labels } = await source.read(index);
  const { classNames, ignoreLabel } = source;
  // A source of someone's own may give anything; of a label beyond the logits no loss would tell.
  const known = { classNames, ignoreLabel, reduceZeroLabel: false };
  return transform(image, classesOf(source.name(index), labels, known), index);
}

/** Pictures and labels as tensors of one size, the missing filled up at the right and the bottom. */
function filledUp(
  examples: readonly LabelledPixels[],
  [height, width]: readonly [number, number],
  ignoreLabel: number,
  table: Float32Array,
): Pick<SegmentationBatch, 'x' | 'labels'> {
  const pixels = height * width;
  const values = new Float32Array(3 * pixels * examples.length);
  const classes = new Int32Array(pixels * examples.length).fill(ignoreLabel);
  examples.forEach(({ image, labels }, i) => {
    for (let row = 0; row < image.height; row++) {
      const to = i * pixels + row * width;
      const from = row * image.width;
      normalizeBytes(
        image.data.subarray(3 * from, 3 * (from + image.width)),
        table,
        values,
        3 * to,
      );
      classes.set(labels.data.subarray(from, from + image.width), to);
    }
  });
  const shape = [examples.length, height, width] as const;
  const x = tf.tensor4d(values, [...shape, 3]);
  return { x, labels: tf.tensor3d(classes, [...shape], 'int32') };
}
