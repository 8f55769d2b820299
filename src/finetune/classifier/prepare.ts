/** The model that is trained: made of a name, or given, with a head for the classes of the examples. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, show } from '../../common/arguments';
import { metadataOf, type ModelMetadata } from '../../common/model_metadata';
import { type ModelInput, modelInput } from '../../data/model_input';
import {
  createModel,
  type CreateModelOptions,
  type CreatePretrainedOptions,
} from '../../models/create_model';
import { withSeededRandom } from '../../ops/engine/random';
import { type PreprocessOptions, usualCrop } from '../../preprocessing/fit_image';
import { IMAGENET_MEAN, IMAGENET_STD } from '../../registry/imagenet_statistics';
import { type ModelName, parseName } from '../../registry/names';
import type { PretrainedName } from '../../registry/pretrained';
import { namedModel } from '../base/given';
import { type Head, headOf, requireExclusive, withNewHead } from './head';
import type { FineTuneOptions } from './options';
import type { TrainingData } from './training_data';

/** What is trained: a model, a name such as `'revcol_tiny.in1k'`, or a name and options of `createModel`. */
export type FineTuneModel =
  | tfl.LayersModel
  | ModelName
  | ({ name: ModelName } & (CreateModelOptions | Omit<CreatePretrainedOptions, 'pretrained'>));

/** A model with what is known of it. */
export interface PreparedModel {
  readonly model: tfl.LayersModel;
  readonly head: Head;
  /** How pictures become its input; undefined for other examples. */
  readonly input?: ModelInput;
  /** Names by class, as the model numbers them. */
  readonly classNames: readonly string[];
  /** Whether it knows nothing yet. */
  readonly isFresh: boolean;
  readonly hasNewHead: boolean;
  /** Whether it was made here, so that nobody else has it. */
  readonly isOwned: boolean;
  /** What is saved with it. */
  readonly metadata: ModelMetadata & Record<string, unknown>;
  /** Frees what was made here. */
  dispose(): void;
}

/** Below it a crop of the centre would cut off what little there is to see. */
const SMALL_SIDE = 64;

/**
 * Makes or takes the model.
 *
 * @throws {Error} when there is no such model, it is no classifier, or its input is not that of the data
 */
export async function prepareModel(
  owner: string,
  given: FineTuneModel,
  data: TrainingData,
  options: FineTuneOptions,
): Promise<PreparedModel> {
  const { seed = 0 } = options;
  const isModel = typeof given === 'object' && given !== null && 'layers' in given;
  const named = !isModel && namedModel<Named>(owner, given as Named, 'revcol_tiny.in1k');
  if (!named) requireModel(owner, given);
  const base = named
    ? await makeModel(owner, named, data, options)
    : { model: given as tfl.LayersModel, isFresh: false, statistics: {}, fits: undefined };
  const { model, isFresh } = base;
  let renewed: tfl.LayersModel | undefined;
  try {
    const head = headOf(owner, model);
    if (!named) requireOwnClasses(owner, model, head, data);
    // Of a name the head is a new one, and classes are numbered as the examples number them.
    const known = named ? undefined : metadataOf(model).classNames;
    // Labels that are numbers are the model's own; what they are called without names says nothing.
    const isSame = data.areNamed
      ? known && isSameSet(known, data.classNames)
      : known?.length === data.classNames.length;
    const classNames = known && isSame ? known : data.classNames;
    const fits =
      base.fits ?? (known && data.areNamed ? isSame : head.classes === classNames.length);
    const preprocessing = { ...base.statistics, ...options.preprocessing };
    const input = inputOf(owner, model, data, preprocessing);
    if (fits) requireExclusive(owner, model, head);
    else renewed = withNewHead(owner, model, head, classNames.length, seed);
    const trained = renewed ?? model;
    // The layers below the new head are shared; the old head goes.
    if (named && renewed) model.dispose();
    return {
      model: trained,
      head: renewed ? headOf(owner, renewed) : head,
      input,
      classNames: [...classNames],
      isFresh,
      hasNewHead: renewed !== undefined || isFresh,
      isOwned: Boolean(named),
      metadata: metadata(model, input, classNames),
      dispose: () => {
        if (named || renewed) trained.dispose();
      },
    };
  } catch (error) {
    if (named && !renewed) model.dispose();
    renewed?.dispose();
    throw error;
  }
}

type Named = Exclude<FineTuneModel, tfl.LayersModel | string>;

/** Builds the named model, with its published weights where the name is that of a set. */
async function makeModel(
  owner: string,
  { name, ...given }: Named,
  data: TrainingData,
  { seed = 0, preprocessing, signal }: FineTuneOptions,
): Promise<{
  model: tfl.LayersModel;
  isFresh: boolean;
  statistics: PreprocessOptions;
  fits?: boolean;
}> {
  const { weights, text } = parseName(owner, name);
  if (text) throw new Error(`${owner}: ${name} is a classifier of texts; expected one of images`);
  const side = preprocessing?.inputSize ?? data.inputShape;
  const channels = data.inputShape?.[2] ?? weights?.inputSize[2] ?? 3;
  const shape = side
    ? { inputShape: [side[0], side[1], channels] as [number, number, number] }
    : {};
  const asked = given as CreateModelOptions & Omit<CreatePretrainedOptions, 'pretrained'>;
  const wanted = (asked as { pretrained?: boolean }).pretrained ?? weights !== undefined;
  if (!wanted) {
    const numClasses = data.classNames.length;
    const make = () => createModel(name, { ...shape, ...asked, pretrained: false, numClasses });
    return { model: withSeededRandom(seed, make), isFresh: true, statistics: {}, fits: true };
  }
  const { mean, std, crop } = weights ?? {};
  const whole = { ...shape, signal, ...asked, pretrained: true } as const;
  const model = await withSeededRandom(seed, () => createModel(name as PretrainedName, whole));
  return { model, isFresh: false, statistics: { mean, std, crop }, fits: false };
}

/**
 * Asserts labels of the model's own classes where only their numbers are known: a wrong one would else ask for
 * more classes.
 */
function requireOwnClasses(
  owner: string,
  model: tfl.LayersModel,
  { classes }: Head,
  { areNamed, classNames, labels, nameOf }: TrainingData,
): void {
  if (areNamed || classNames.length <= classes) return;
  const wrong = labels.findIndex((label) => label >= classes);
  throw new Error(
    `${owner}: the label of ${nameOf(wrong)} is ${labels[wrong]}, but ${model.name} has ${classes} classes; ` +
      `expected labels from 0 to ${classes - 1}. For a new head of more classes give classNames, their names`,
  );
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** How pictures become input; for tensors, that they are. */
function inputOf(
  owner: string,
  model: tfl.LayersModel,
  { arePictures, inputShape }: TrainingData,
  given: PreprocessOptions,
): ModelInput | undefined {
  if (arePictures) {
    const input = modelInput(`${owner}: ${model.name}`, model, given);
    const [height, width] = input.inputSize;
    const isPlain = Math.max(height, width) <= SMALL_SIDE || height !== width;
    return { ...input, crop: input.crop ?? (isPlain ? 'squash' : undefined) };
  }
  const [first, ...others] = model.inputs;
  const wanted = first?.shape.slice(1) ?? [];
  const got = inputShape ?? [];
  const fits =
    others.length === 0 &&
    got.length === wanted.length &&
    wanted.every((size, i) => size == null || size === got[i]);
  if (fits) return undefined;
  throw new Error(
    `${owner}: x is ${show([null, ...got])}, but ${model.name} takes ` +
      `${model.inputs.map(({ shape }) => show(shape)).join(' and ')}; expected examples as the model takes them`,
  );
}

/** What `classify` and `evaluate` need to know of the model. */
function metadata(
  model: tfl.LayersModel,
  input: ModelInput | undefined,
  classNames: readonly string[],
): PreparedModel['metadata'] {
  const before = { ...model.getUserDefinedMetadata(), classNames: [...classNames] };
  if (!input) return before;
  const { mean = IMAGENET_MEAN, std = IMAGENET_STD, crop = usualCrop(input.inputSize) } = input;
  const facts = { mean: [...mean], std: [...std], crop, interpolation: 'bicubic', upright: true };
  const [height, width] = model.inputs[0]?.shape.slice(1) ?? [];
  const sides = height && width ? {} : { inputSize: [...input.inputSize] };
  return { ...before, ...facts, ...sides } as unknown as PreparedModel['metadata'];
}
