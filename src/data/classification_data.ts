/** All that classifiers are trained on and evaluated with, as batches. */
import * as tf from '@tensorflow/tfjs-core';

import { requireInteger, shown } from '../common/arguments';
import { type ExampleSource, isExampleSource } from './example_source';
import { type ClassLabels, isTensor, readLabels } from './labels';
import { type LabelledBatch, readBatches, type ReadBatchesOptions } from './read_batches';

/** Examples as the model takes them, normalised where the model does not do it itself. */
export interface LabelledTensors {
  /** `[examples, ...]`; stays the caller's. */
  readonly x: tf.Tensor;
  /** The class of each, or one-hot rows; a tensor stays the caller's. */
  readonly y: ClassLabels;
  /** Names by class. Default: their numbers. */
  readonly classNames?: readonly string[];
}

/**
 * A stream of batches as the model takes them, such as a dataset of tf.data after `batch`: elements are
 * `{ xs, ys }` or `[xs, ys]`, tensors of `[examples, ...]` and of labels, `[examples]` or one-hot rows.
 * Whoever reads the stream disposes them, and whatever other tensors an element has. Empty batches are left out.
 */
export interface BatchDataset {
  iterator(): Promise<BatchIterator>;
}

/** As tf.data's `LazyIterator`. */
export interface BatchIterator {
  next(): Promise<IteratorResult<unknown>>;
}

/** What `evaluate` and `fineTune` read. */
export type ClassificationData =
  ExampleSource | LabelledTensors | BatchDataset | AsyncIterable<unknown>;

/** Data of whatever form, opened. */
export interface OpenedData {
  /** How many examples there are; undefined where only the end of a stream tells. */
  readonly length?: number;
  /** Names by class; undefined where the data have none. */
  readonly classNames?: readonly string[];
  nameOf(index: number): string;
  /**
   * The batches of one pass. Tensors and streams are as the model takes them: `input` and `transform` are
   * of no effect on them, and streams have their own order and sizes.
   */
  batches(options: ReadBatchesOptions): AsyncGenerator<LabelledBatch, void>;
}

/**
 * Opens data of any form.
 *
 * @throws {Error} when they have none of the forms, or no example, or labels of another number
 */
export async function openData(owner: string, data: ClassificationData): Promise<OpenedData> {
  if (isExampleSource(data)) {
    requireInteger(owner, 'the length of the data', data.length, 0);
    if (data.length === 0) throw new Error(`${owner}: the data hold no example`);
    return {
      length: data.length,
      classNames: data.classNames,
      nameOf: (index) => data.name(index),
      batches: (options) => readBatches(owner, data, options),
    };
  }
  const given: Partial<LabelledTensors & BatchDataset & AsyncIterable<unknown>> = data ?? {};
  if (isTensor(given.x)) return openTensors(owner, data as LabelledTensors);
  const isStream =
    typeof given.iterator === 'function' || typeof given[Symbol.asyncIterator] === 'function';
  if (isStream) {
    return {
      nameOf: (index) => `example ${index}`,
      batches: ({ signal }) =>
        readStream(owner, data as BatchDataset | AsyncIterable<unknown>, signal),
    };
  }
  throw new Error(
    `${owner}: data are ${shown(data)}; expected pictures (imageFolder, imageFiles, tensorSource), tensors ` +
      '{ x, y }, or a dataset of tf.data that gives batches { xs, ys }',
  );
}

async function openTensors(
  owner: string,
  { x, y, classNames }: LabelledTensors,
): Promise<OpenedData> {
  const labels = await readLabels(owner, y);
  const [length = 0] = x.shape;
  if (labels.length !== length) {
    throw new Error(
      `${owner}: x has ${length} examples and y ${labels.length} labels; expected one for each`,
    );
  }
  if (length === 0) throw new Error(`${owner}: the data hold no example`);
  return {
    length,
    classNames,
    nameOf: (index) => `example ${index}`,
    batches: (options) => tensorBatches(x, labels, options),
  };
}

async function* tensorBatches(
  x: tf.Tensor,
  labels: Int32Array,
  { batchSize, order, signal }: ReadBatchesOptions,
): AsyncGenerator<LabelledBatch, void> {
  const count = order?.length ?? labels.length;
  for (let start = 0; start < count; start += batchSize) {
    signal?.throwIfAborted();
    const size = Math.min(batchSize, count - start);
    const indices = Int32Array.from({ length: size }, (_, i) => order?.[start + i] ?? start + i);
    yield {
      x: tf.tidy(() => tf.gather(x, tf.tensor1d(indices, 'int32'))),
      labels: indices.map((index) => labels[index] as number),
      indices,
      end: start + size,
    };
  }
}

async function* readStream(
  owner: string,
  data: BatchDataset | AsyncIterable<unknown>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LabelledBatch, void> {
  let count = 0;
  for await (const element of 'iterator' in data ? iterated(data) : data) {
    try {
      const { x, y } = pairOf(owner, element);
      signal?.throwIfAborted();
      const labels = await readLabels(owner, y);
      if (labels.length !== x.shape[0]) {
        throw new Error(
          `${owner}: a batch has inputs ${shown(x)} and ${labels.length} labels; expected one label for ` +
            'each example. A dataset must give batches: call batch(32) on it',
        );
      }
      const indices = Int32Array.from(labels, (_, i) => count + i);
      count += labels.length;
      // Whatever else a batch has, such as weights of its examples, is no one's any more.
      tf.dispose(Object.values(element as object).filter((value) => value !== x));
      if (labels.length === 0) {
        x.dispose();
        continue;
      }
      yield { x, labels, indices, end: count };
    } catch (error) {
      tf.dispose(element as tf.TensorContainer);
      throw error;
    }
  }
}

async function* iterated(data: BatchDataset): AsyncGenerator<unknown, void> {
  const iterator = await data.iterator();
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) return;
    yield value as unknown;
  }
}

function pairOf(owner: string, element: unknown): { x: tf.Tensor; y: ClassLabels } {
  const { xs, ys, x = xs, y = ys } = (element ?? {}) as Record<string, unknown>;
  const [first, second] = Array.isArray(element) ? (element as unknown[]) : [x, y];
  if (isTensor(first) && second != null) return { x: first, y: second as ClassLabels };
  throw new Error(
    `${owner}: the dataset gave ${shown(element)}; expected { xs, ys }, tensors of a batch of inputs and of ` +
      'their labels',
  );
}
