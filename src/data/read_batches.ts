/** Batches of a source of examples: read ahead, made into tensors only when they are wanted. */
import * as tf from '@tensorflow/tfjs-core';

import { messageOf } from '../common/messages';
import { fitImage } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';
import { preprocess } from '../preprocessing/preprocess';
import type { ExampleSource, SkippedExample } from './example_source';
import { classIds } from './labels';
import type { ModelInput } from './model_input';
import type { ImageTransform } from './pixel_transform';

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

type Outcome = { image: RgbImage } | { error: unknown };

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
  const { batchSize, ahead = 2, signal, onSkip, input } = options;
  if (!input) throw new Error(`${owner}: pictures are read without knowing what the model takes`);
  const order = Int32Array.from(options.order ?? { length: source.length }, (v: unknown, i) =>
    options.order ? (v as number) : i,
  );
  const waiting: Promise<Outcome>[] = [];
  let begun = 0;
  for (let start = 0; start < order.length; start += batchSize) {
    const indices = order.subarray(start, start + batchSize);
    while (begun < Math.min(order.length, start + (1 + ahead) * batchSize)) {
      waiting.push(readOne(owner, source, order[begun++] as number, input, options.transform));
    }
    const images: RgbImage[] = [];
    const kept: number[] = [];
    for (const index of indices) {
      signal?.throwIfAborted();
      const outcome = await (waiting.shift() as Promise<Outcome>);
      if ('image' in outcome) {
        images.push(outcome.image);
        kept.push(index);
      } else {
        const message = messageOf(outcome.error);
        if (!onSkip) {
          throw new Error(
            `${owner}: example ${index} cannot be read: ${message}. Mend it, take it away, or have what cannot ` +
              "be read left out: onError: 'skip', on the command line --skip-broken",
            { cause: outcome.error },
          );
        }
        onSkip({ index, name: source.name(index), message });
      }
    }
    signal?.throwIfAborted();
    if (images.length === 0) continue;
    const labels = classIds(
      owner,
      kept.map((index) => source.label(index)),
      (i) => `the label of ${source.name(kept[i] as number)}`,
    );
    yield {
      x: imagesToTensor(images, input),
      labels,
      indices: Int32Array.from(kept),
      end: start + indices.length,
    };
  }
}

/** Never rejects: what is read ahead may never be waited for. */
async function readOne(
  owner: string,
  source: ExampleSource,
  index: number,
  { inputSize, crop }: ModelInput,
  transform: ImageTransform | undefined,
): Promise<Outcome> {
  const fit = { inputSize, crop };
  try {
    if (!transform) {
      const image = source.readFitted
        ? await source.readFitted(index, fit)
        : fitImage(await source.read(index), fit);
      return { image };
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
    return { image };
  } catch (error) {
    return { error };
  }
}

/**
 * Pictures of a model's size as its input, in its units.
 *
 * @returns float32 `[images, height, width, channels]`
 */
export function imagesToTensor(images: readonly RgbImage[], input: ModelInput): tf.Tensor4D {
  const { inputSize, channels, mean, std } = input;
  // They have that size already, so nothing is cut.
  const made = preprocess(images, { inputSize, crop: 'squash', mean, std });
  if (channels === 3) return made;
  try {
    return tf.tidy(() => {
      const [r, g, b] = tf.split(made, 3, 3) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      // ITU-R BT.601, as Pillow's convert('L').
      return tf.add(tf.add(tf.mul(r, 0.299), tf.mul(g, 0.587)), tf.mul(b, 0.114)) as tf.Tensor4D;
    });
  } finally {
    made.dispose();
  }
}
