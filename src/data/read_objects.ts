/** Batches of pictures with marked objects, changed at random, as a detector is trained on them. */
import {
  type DetectionExample,
  type DetectionTransform,
} from '../augmentation/detection_transform';
import { seededRandom } from '../augmentation/random';
import { requireCorners, requireMarked } from '../coco/picture_objects';
import { requireLabels } from './class_names';
import { type DetectionBatch, detectionBatch, type DetectionBatchOptions } from './detection_batch';
import type { ObjectSource } from './object_source';
import { orderOf, readAhead, type ReadAheadOptions } from './read_ahead';

/** Some pictures as `detectionStep` takes them. Whoever reads the batch disposes the images. */
export interface ObjectBatch extends DetectionBatch {
  /** The number of each in its source. */
  readonly indices: Int32Array;
  /** How many places of the order are read with it, what was left out included. */
  readonly end: number;
}

/** Options of `readObjectBatches`. */
export interface ReadObjectsOptions extends Omit<ReadAheadOptions, 'order'>, DetectionBatchOptions {
  order?: ArrayLike<number>;
  /** How pictures and objects are changed. */
  transform: DetectionTransform;
  /** Of what the changes draw; the number of a picture comes behind it. */
  seed: readonly [number, ...number[]];
}

/**
 * Reads batch after batch, each picture changed by its number.
 *
 * @throws {Error} as `readAhead`, and when a label is no class of the source, an object has no mask,
 *   or a box is none
 * @throws what `signal` was aborted with
 */
export async function* readObjectBatches(
  owner: string,
  source: ObjectSource,
  { transform, seed, order, mean, std, sizeDivisor, ...reading }: ReadObjectsOptions,
): AsyncGenerator<ObjectBatch, void> {
  const read = (index: number) => readOne(source, index, transform, seed);
  const name = (index: number) => source.name(index);
  const batches = readAhead(owner, name, read, {
    ...reading,
    order: orderOf(source.length, order),
  });
  for await (const { examples, indices, end } of batches) {
    yield { ...detectionBatch(examples, { mean, std, sizeDivisor }), indices, end };
  }
}

/** Reads a picture with its objects, and changes both. */
async function readOne(
  source: ObjectSource,
  index: number,
  transform: DetectionTransform,
  seed: readonly [number, ...number[]],
): Promise<DetectionExample> {
  const name = source.name(index);
  const objects = source.objects(index);
  requireMarked(name, objects);
  requireLabels(name, objects.labels, source.classNames.length, (i) => `object ${i}`);
  requireCorners(name, objects);
  if (!objects.masks && objects.labels.length > 0) {
    throw new Error(`${name}: its objects have no masks; expected one for each`);
  }
  return transform(await source.read(index), objects, seededRandom(...seed, index));
}
