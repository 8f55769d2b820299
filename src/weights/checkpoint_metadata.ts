/** What a checkpoint says of a model's pictures and classes: in a file's own metadata, where PyTorch leaves it alone. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { shown } from '../common/arguments';
import { messageOf } from '../common/messages';
import {
  addMetadata,
  checkedMetadata,
  classCount,
  metadataOf,
  type ModelMetadata,
  type ModelTask,
  present,
  taskOf,
} from '../common/model_metadata';
import { ownPixels } from '../layers/columns/own_pixels';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import type { NameComparison } from './names/compare_names';
import type { ModelLike } from './names/model_weights';
import { isClassifier, isDenseLogits } from './names/published_names';
import { PickleDict, type PickleValue } from './pickle/values';

/** Key of the JSON in a safetensors header, and in the `meta` of OpenMMLab's files. */
const KEY = 'tfjs_revcol';

const TASKS: readonly unknown[] = ['classification', 'segmentation', 'detection'];

/** What a file says. */
export interface CheckpointMetadata extends ModelMetadata {
  /** What the model is for whose facts these are; absent where it cannot be told. */
  readonly task?: ModelTask;
}

/**
 * What a file says of its model's pictures and classes; undefined where it says nothing.
 *
 * @throws {CheckpointError} 'corrupt' when that is not what it can be
 */
export function readMetadata({
  metadata,
}: Pick<Checkpoint, 'metadata'>): CheckpointMetadata | undefined {
  const meta = metadata.get('meta');
  const text = meta instanceof PickleDict ? meta.get(KEY) : undefined;
  return parsed(text ?? metadata.get(KEY));
}

function parsed(text: PickleValue | undefined): CheckpointMetadata | undefined {
  if (text === undefined) return undefined;
  try {
    if (typeof text !== 'string') throw new Error(`${KEY} is no text`);
    const json: unknown = JSON.parse(text);
    const { task } = (json ?? {}) as { task?: ModelTask };
    const facts = checkedMetadata(KEY, json);
    if (task === undefined) return facts;
    if (TASKS.includes(task)) return { ...facts, task };
    throw new Error(`${KEY}: task is ${shown(task)}; expected one of ${TASKS.join(', ')}`);
  } catch (cause) {
    throw new CheckpointError(
      'corrupt',
      `What the checkpoint says of its pictures and classes is damaged: ${messageOf(cause).slice(0, 300)}`,
      { cause },
    );
  }
}

/**
 * As `readMetadata`, of a model that the file holds whole.
 *
 * @param count of its classes
 * @throws {CheckpointError} 'mismatch', too, when the file names more or fewer classes
 */
export function metadataOfClasses(
  checkpoint: Pick<Checkpoint, 'metadata'>,
  count: number | undefined,
): CheckpointMetadata | undefined {
  const told = readMetadata(checkpoint);
  if (!told?.classNames || count === undefined || told.classNames.length === count) return told;
  throw otherCount(told.classNames, count);
}

function otherCount({ length }: readonly string[], count: number): CheckpointError {
  return new CheckpointError(
    'mismatch',
    `The checkpoint names ${length} classes in its metadata (${KEY}), the model has ${count}; nothing was loaded`,
  );
}

/** What of it is saved with a model of tfjs, whose layers tell the task and the size of images. */
export function factsOf(told: CheckpointMetadata = {}): ModelMetadata {
  return present({ ...told, task: undefined, inputSize: undefined });
}

/** The same as a string for a file's metadata; none where there is nothing to say. */
export function metadataStrings({ task, ...facts }: CheckpointMetadata): Record<string, string> {
  const told = present(facts);
  if (Object.keys(told).length === 0) return {};
  return { [KEY]: JSON.stringify(present({ task, ...told })) };
}

/**
 * What a file is to say of a model: what is saved with the model, the size of its images, and by what it normalises
 * them itself, as the weights do not tell these.
 *
 * @throws {Error} when what is saved with it is not what it can be
 */
export function metadataToWrite(model: ModelLike): CheckpointMetadata {
  if (!isWhole(model)) return {};
  const task = taskOf(model);
  const [height, width] = model.inputs[0]?.shape.slice(1) ?? [];
  const isOfImages = task === 'classification' && model.inputs[0]?.shape.length === 4;
  const sides = isOfImages && height && width ? { inputSize: [height, width] as const } : {};
  return { task, ...metadataOf(model), ...sides, ...rgbStatistics(model) };
}

/** By what a model normalises pixels itself, as mean and deviation of pixels in 0..1, RGB. */
function rgbStatistics(model: tfl.LayersModel): Pick<ModelMetadata, 'mean' | 'std'> {
  const own = ownPixels(model);
  if (!own) return {};
  const { range } = own;
  const isRgb = [own.mean, own.std].every(({ length }) => length === 1 || length === 3);
  // What is saved with it besides is not what it goes by.
  if (range === null || !isRgb) return { mean: undefined, std: undefined };
  const rgb = (values: readonly number[]) => {
    const [r, g = r, b = r] = values.map((value) => value / range);
    return [r, g, b] as [number, number, number];
  };
  return { mean: rgb(own.mean), std: rgb(own.std) };
}

function isWhole(model: ModelLike): model is tfl.LayersModel {
  return typeof (model as Partial<tfl.LayersModel>).getUserDefinedMetadata === 'function';
}

/**
 * What of a file's facts become a model's: of the same task all, else by what pixels are normalised, which is the
 * backbone's; names of classes where what tells the classes is loaded, too.
 *
 * @param names of classes that the file says in another way, which count where there are as many as classes
 * @throws {CheckpointError} 'mismatch' when the file names more or fewer classes than there are
 */
export function factsFor(
  model: ModelLike,
  { task, classNames, inputSize, ...facts }: CheckpointMetadata,
  names: readonly string[] | undefined,
  { dropped, missing }: Pick<NameComparison, 'dropped' | 'missing'>,
): ModelMetadata {
  if (!isWhole(model)) return {};
  const { mean, std } = facts;
  if (task !== undefined && task !== taskOf(model)) return { mean, std };
  const [height, width] = model.inputs[0]?.shape.slice(1) ?? [];
  const isOpen = !height || !width;
  const isLoaded =
    dropped.length === 0 && !missing.some((name) => isClassifier(name) || isDenseLogits(name));
  const count = classCount(model);
  if (isLoaded && classNames && count !== undefined && classNames.length !== count) {
    throw otherCount(classNames, count);
  }
  const known = classNames ?? (names?.length === count ? names : undefined);
  return {
    ...facts,
    ...(isOpen ? { inputSize } : {}),
    ...(isLoaded ? { classNames: known } : {}),
  };
}

/** Saves facts with a model that was loaded. */
export function giveFacts(model: ModelLike, facts: ModelMetadata): void {
  if (isWhole(model)) addMetadata(model, facts);
}
