/** What a checkpoint says of a model's pictures and classes: in a file's own metadata, where PyTorch leaves it alone. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { shown } from '../common/arguments';
import { classCount, classWeights } from '../common/class_output';
import { warn } from '../common/harmless';
import { messageOf } from '../common/messages';
import {
  checkedMetadata,
  fittingMetadata,
  type ModelMetadata,
  type ModelTask,
  PICTURE_KEYS,
  present,
  replaceMetadata,
  taskOf,
} from '../common/model_metadata';
import { ownPixels } from '../layers/columns/own_pixels';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { readLabels } from './label_metadata';
import type { MappedWeight, ModelLike } from './names/model_weights';
import { isBesideBackbone, isClassifier, isDecoder } from './names/published_names';
import { OWN } from './names/weight_layout';
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
 * What a file calls its classes: `classes` of its labels, which are given to whoever writes the file and so come first,
 * else as `tfjs_revcol` tells; of these the first that are as many as classes. Undefined where it tells none.
 *
 * @param count of the classes, where it is known
 */
export function classNamesIn(
  { metadata }: Pick<Checkpoint, 'metadata'>,
  { classNames }: CheckpointMetadata,
  count: number | undefined,
): readonly string[] | undefined {
  const told = [readLabels(metadata).classes, classNames].filter((names) => names !== undefined);
  return told.find(({ length }) => length === count) ?? told[0];
}

/** Facts with the names of a file for so many classes; labels of others are passed over. */
function withNames(
  checkpoint: Pick<Checkpoint, 'metadata'>,
  told: CheckpointMetadata,
  count: number | undefined,
): CheckpointMetadata {
  const names = classNamesIn(checkpoint, told, count);
  const fits = count === undefined || names?.length === count;
  if (fits) return present({ ...told, classNames: names });
  if (told.classNames) throw otherCount(told.classNames, count);
  return told;
}

/**
 * As `readMetadata`, of a model that the file holds whole, with names from wherever the file has them.
 *
 * @param count of its classes
 * @throws {CheckpointError} 'mismatch', too, when the file names more or fewer classes
 */
export function metadataOfClasses(
  checkpoint: Pick<Checkpoint, 'metadata'>,
  count: number | undefined,
): CheckpointMetadata | undefined {
  const told = readMetadata(checkpoint);
  const whole = withNames(checkpoint, told ?? {}, count);
  return (told ?? whole.classNames) ? whole : undefined;
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
 * them itself, as the weights do not tell these. What is no fact is left out, with a warning.
 *
 * @param owner for the warning
 */
export function metadataToWrite(owner: string, model: ModelLike): CheckpointMetadata {
  if (!isWhole(model)) return {};
  const task = taskOf(model);
  const [height, width] = model.inputs[0]?.shape.slice(1) ?? [];
  const isOfImages = task === 'classification' && model.inputs[0]?.shape.length === 4;
  const sides = isOfImages && height && width ? { inputSize: [height, width] as const } : {};
  const layers = { ...unlessUnfit(sides), ...unlessUnfit(rgbStatistics(model)) };
  return { task, ...fittingMetadata(owner, model), ...layers };
}

/** What layers tell, or undefined in its place where it can be no fact, such as sides beyond all pictures. */
function unlessUnfit(facts: ModelMetadata): ModelMetadata {
  try {
    checkedMetadata(KEY, facts);
    return facts;
  } catch {
    return Object.fromEntries(Object.keys(facts).map((key) => [key, undefined]));
  }
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

/** What of a file goes into a model. */
interface Loaded {
  /** The model's weights by published name. */
  readonly mapped: ReadonlyMap<string, MappedWeight>;
  /** The names of those that are loaded. */
  readonly fitting: readonly string[];
}

/** Facts that become a model's, and whose names go with its old weights. */
export interface NewFacts {
  readonly facts: ModelMetadata;
  readonly gone: readonly (keyof ModelMetadata)[];
}

/**
 * What of a file's facts become a model's: of the same task all, else by what pixels are normalised, which is the
 * backbone's; names of classes where what gives the classes is loaded, too. Facts belong to weights: those of weights
 * that are replaced go.
 *
 * @param loaded undefined where all weights of the model become those of the file
 * @throws {CheckpointError} 'mismatch' when the file names more or fewer classes than there are
 */
export function factsFor(
  owner: string,
  model: ModelLike,
  checkpoint: Pick<Checkpoint, 'metadata'>,
  loaded: Loaded | undefined,
): NewFacts {
  const told = readMetadata(checkpoint) ?? {};
  if (!isWhole(model)) return { facts: {}, gone: [] };
  const statistics = statisticsFor(owner, model, told);
  const hasBackbone = loaded === undefined || isBackboneLoaded(loaded);
  if (told.task !== undefined && told.task !== taskOf(model)) {
    return { facts: statistics, gone: hasBackbone ? ['mean', 'std'] : [] };
  }
  const [height, width] = model.inputs[0]?.shape.slice(1) ?? [];
  const isOpen = !height || !width;
  const [tall, wide] = told.inputSize ?? [];
  // As of published weights, the cut is for the size that it was chosen for.
  const isOtherSize = !isOpen && tall !== undefined && (tall !== height || wide !== width);
  const hasHead = loaded === undefined || isHeadLoaded(model, loaded);
  const { classNames } = hasHead ? withNames(checkpoint, told, classCount(model)) : {};
  return {
    facts: present({
      ...told,
      ...{ task: undefined, classNames, ...statistics },
      ...(isOpen ? {} : { inputSize: undefined }),
      ...(isOtherSize ? { crop: undefined } : {}),
    }),
    gone: [...(hasBackbone ? PICTURE_KEYS : []), ...(hasHead ? (['classNames'] as const) : [])],
  };
}

/** Mean and deviation of a file; undefined, with a warning if they are others, where the model goes by its own. */
function statisticsFor(
  owner: string,
  model: tfl.LayersModel,
  { mean, std }: ModelMetadata,
): Pick<ModelMetadata, 'mean' | 'std'> {
  if (!ownPixels(model)) return { mean, std };
  const own = rgbStatistics(model);
  const differs = (a: readonly number[] | undefined, b: readonly number[] | undefined) =>
    a !== undefined && !a.every((value, i) => Math.abs(value - (b?.[i] ?? NaN)) <= 1e-3);
  if (differs(mean, own.mean) || differs(std, own.std)) {
    warn(
      `${owner}: the weights are of pixels normalised by mean ${shown(mean)} and std ${shown(std)}, but ` +
        `${model.name} normalises its own by pixelMean and pixelStd, which differ, and will answer wrongly; build it ` +
        'with those of the file, which are of pixels in 0..1',
    );
  }
  return { mean: undefined, std: undefined };
}

function isBackboneLoaded({ mapped, fitting }: Loaded): boolean {
  const isHead = (name: string) => isClassifier(name) || isDecoder(name) || isBesideBackbone(name);
  const there = new Set(fitting);
  const own = [...mapped].filter(([name, { layout }]) => layout !== OWN && !isHead(name));
  return own.length > 0 && own.every(([name]) => there.has(name));
}

function isHeadLoaded(model: tfl.LayersModel, { mapped, fitting }: Loaded): boolean {
  const there = new Set(fitting.map((name) => mapped.get(name)?.variable));
  const weights = classWeights(model);
  return weights.length > 0 && weights.every((weight) => there.has(weight));
}

/** Saves facts with a model that was loaded. */
export function giveFacts(model: ModelLike, { facts, gone }: NewFacts): void {
  if (isWhole(model)) replaceMetadata(model, gone, facts);
}
