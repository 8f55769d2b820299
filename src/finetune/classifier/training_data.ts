/** Examples for training: of whatever form, with all labels known, checked before anything else is done. */
import * as tf from '@tensorflow/tfjs-core';

import { show, shown } from '../../common/arguments';
import {
  matchClasses,
  numberedClasses,
  requireClassNames,
  requireLabels,
} from '../../data/class_names';
import {
  type ClassificationData,
  type LabelledTensors,
  openData,
  type OpenedData,
} from '../../data/classification_data';
import { isExampleSource } from '../../data/example_source';
import { isTensor, readLabels } from '../../data/labels';

/** Labelled examples in any order. */
export interface TrainingData extends Pick<OpenedData, 'nameOf' | 'batches'> {
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
  /** Whether somebody has named the classes; else their names are the numbers up to the highest label. */
  readonly areNamed: boolean;
  /** Whether they are pictures, to be fitted and normalised; else they are as the model takes them. */
  readonly arePictures: boolean;
  /** Shape of an example as the model takes it; undefined for pictures. */
  readonly inputShape?: readonly number[];
  /** Frees what was made of a stream. */
  dispose(): void;
}

/**
 * Opens data; of a stream, reads it to its end and keeps it in one tensor.
 *
 * @param names of the classes, where the data have none
 * @throws {Error} when they have no known form, no example, or a label that is no class
 */
export async function openTrainingData(
  owner: string,
  data: ClassificationData,
  names: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<TrainingData> {
  const opened = await openData(owner, data);
  if (isExampleSource(data)) {
    const given = Array.from({ length: data.length }, (_, i) => data.label(i));
    const { classNames } = data;
    requireClassNames(owner, classNames);
    requireLabels(owner, given, classNames.length, (i) => shown(data.name(i)));
    const labels = Int32Array.from(given);
    return {
      ...{ ...opened, labels, classNames, areNamed: true, arePictures: true },
      dispose: () => undefined,
    };
  }
  const { x } = data as Partial<LabelledTensors>;
  const isStream = !isTensor(x);
  const tensors = isStream
    ? await collected(owner, opened, signal)
    : { ...(data as LabelledTensors), y: await readLabels(owner, (data as LabelledTensors).y) };
  try {
    const labels = tensors.y as Int32Array;
    const count = labels.reduce((most, label) => Math.max(most, label + 1), 1);
    const given = names ?? tensors.classNames;
    const classNames = given ?? numberedClasses(count);
    requireLabels(owner, labels, classNames.length);
    return {
      ...(await openData(owner, tensors)),
      labels,
      classNames,
      areNamed: given !== undefined,
      arePictures: false,
      inputShape: tensors.x.shape.slice(1),
      dispose: () => (isStream ? tensors.x.dispose() : undefined),
    };
  } catch (error) {
    if (isStream) tensors.x.dispose();
    throw error;
  }
}

async function collected(
  owner: string,
  { batches }: OpenedData,
  signal: AbortSignal | undefined,
): Promise<LabelledTensors> {
  const parts: tf.Tensor[] = [];
  const labels: number[] = [];
  try {
    for await (const batch of batches({ batchSize: 1, signal })) {
      parts.push(batch.x);
      requireSameShape(owner, parts, labels.length);
      // One by one: a call takes only so many arguments, and a batch may have more.
      for (const label of batch.labels) labels.push(label);
    }
    if (labels.length === 0) throw new Error(`${owner}: the data hold no example`);
    return { x: tf.concat(parts), y: Int32Array.from(labels) };
  } finally {
    tf.dispose(parts);
  }
}

/** Asserts that the last of some batches has examples of the shape of the first. */
function requireSameShape(owner: string, batches: readonly tf.Tensor[], position: number): void {
  const [first, last] = [batches[0], batches.at(-1)].map((x) => show(x?.shape.slice(1)));
  if (first === last) return;
  throw new Error(
    `${owner}: the examples of the dataset are ${first} at first, but ${last} from example ${position} on; ` +
      'expected one shape, that which the model takes. Bring all of them to it',
  );
}

/**
 * Asserts classes that can be told apart: at least two, each with an example.
 *
 * @throws {Error} when there is one class, or one without an example
 */
export function requireClasses(
  owner: string,
  { labels, classNames }: Pick<TrainingData, 'labels' | 'classNames'>,
): void {
  const counts = classNames.map(() => 0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  const empty = classNames.filter((_, label) => counts[label] === 0);
  if (classNames.length - empty.length < 2) {
    const [only] = classNames.filter((_, label) => counts[label] !== 0);
    throw new Error(
      `${owner}: all ${labels.length} examples are of one class, ${shown(only)}; expected two classes or ` +
        'more. For "it or not" give examples of what it is not as a class of their own',
    );
  }
  if (empty.length === 0) return;
  const list = empty.slice(0, 5).map((name) => shown(name));
  throw new Error(
    `${owner}: no example of class ${list.join(', ')}${empty.length > 5 ? ', ...' : ''}; give each ` +
      'class some, or leave it out of the classes',
  );
}

/**
 * The same examples with their classes numbered as in a list of names.
 *
 * @throws {Error} when one of the classes is not among them
 */
export function numberedAs(
  owner: string,
  data: TrainingData,
  names: readonly string[],
): TrainingData {
  const numbers = matchClasses(owner, data.classNames, names, names.length);
  if (numbers.every((number, i) => number === i)) return { ...data, classNames: names };
  const renumber = (labels: Int32Array) => labels.map((label) => numbers[label] as number);
  return {
    ...data,
    classNames: names,
    labels: renumber(data.labels),
    async *batches(options) {
      for await (const batch of data.batches(options)) {
        yield { ...batch, labels: renumber(batch.labels) };
      }
    },
  };
}
