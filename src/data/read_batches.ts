/** Batches of a source of examples: read ahead, made into tensors only when they are wanted. */
import * as tf from '@tensorflow/tfjs-core';

import { fitImage } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';
import { preprocess } from '../preprocessing/preprocess';
import type { ExampleSource, SkippedExample } from './example_source';
import { classIds } from './labels';
import type { ModelInput } from './model_input';
import type { ImageTransform } from './pixel_transform';
import { orderOf, readAhead } from './read_ahead';

/** Some labelled examples as a model takes them. */
export interface LabelledBatch {
  /** `[examples, ...]`. Whoever reads the batch disposes it. */
  readonly x: tf.Tensor;
  /** The class of each. */
  readonly labels: Int32Array;
  /** The number of each in its source; in a stream they are counted from 0. */
  readonly indices: Int32Array;
  /** How many places of the order are read with it, what was left out included. */
  readonly end: number;
}

/** Options of `readBatches`. */
export interface ReadBatchesOptions {
  batchSize: number;
  /** What the model takes. Only tensors and streams do without. */
  input?: ModelInput;
  /** Numbers of the examples, in the order in which they are read. Default: all, as they are. */
  order?: ArrayLike<number>;
  /** Gives pixels of `input.inputSize`. Default: `fitImage`, where the pictures are decoded. */
  transform?: ImageTransform;
  /** Batches that are read ahead; their pixels are in memory, at the model's size. Default 2. */
  ahead?: number;
  /** Told of examples that cannot be read, which are left out then. Default: they are errors. */
  onSkip?: (skipped: SkippedExample) => void;
  signal?: AbortSignal;
}

/**
 * Reads batch after batch: slices of `order`, the last one maybe smaller. While one is used the next are
 * read. Broken examples, where they are left out, make a batch smaller, and others keep their places.
 *
 * @throws {Error} when an example cannot be read, which it names, or its label is no whole number, or a transform gives another size
 * @throws what `signal` was aborted with
 */
export async function* readBatches(
  owner: string,
  source: ExampleSource,
  options: ReadBatchesOptions,
): AsyncGenerator<LabelledBatch, void> {
  const { input, transform, ...reading } = options;
  if (!input) throw new Error(`${owner}: pictures are read without knowing what the model takes`);
  const order = orderOf(source.length, options.order);
  const read = (index: number) => readOne(owner, source, index, input, transform);
  const name = (index: number) => source.name(index);
  for await (const { examples, indices, end } of readAhead(owner, name, read, {
    ...reading,
    order,
  })) {
    const labels = classIds(
      owner,
      Array.from(indices, (index) => source.label(index)),
      (i) => `the label of ${source.name(indices[i] as number)}`,
    );
    yield { x: imagesToTensor(examples, input), labels, indices, end };
  }
}

/** Reads one picture and brings it to the model's size. */
async function readOne(
  owner: string,
  source: ExampleSource,
  index: number,
  { inputSize, crop }: ModelInput,
  transform: ImageTransform | undefined,
): Promise<RgbImage> {
  const fit = { inputSize, crop };
  if (!transform) {
    return source.readFitted
      ? source.readFitted(index, fit)
      : fitImage(await source.read(index), fit);
  }
  const { recipe } = transform;
  const image =
    recipe && source.readTransformed
      ? await source.readTransformed(index, recipe)
      : await transform(await source.read(index), index);
  if (image.height !== inputSize[0] || image.width !== inputSize[1]) {
    throw new Error(
      `${owner}: the transform gave ${image.height} x ${image.width} pixels; expected ` +
        inputSize.join(' x '),
    );
  }
  return image;
}

/**
 * Pictures of a model's size as its input, in its units.
 *
 * @returns float32 `[images, height, width, channels]`
 */
export function imagesToTensor(images: readonly RgbImage[], input: ModelInput): tf.Tensor4D {
  const { inputSize, channels, mean, std } = input;
  // They have that size already, so nothing is cut.
  return preprocess(images, { inputSize: [...inputSize, channels], crop: 'squash', mean, std });
}
