/** What is saved with a model of its pictures and classes: which facts, what they can be, and reading them. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireInteger, requireOneOf, requireSides, shown } from './arguments';
import { classCount, layerOf } from './class_output';
import { warn } from './harmless';
import { messageOf } from './messages';
import { requireMeanOfUnit, requireStatistic } from './pixel_statistics';

/**
 * What is saved with a model: how its pictures are prepared, and what its classes are called. In a tfjs model it is
 * among the user-defined metadata, in a checkpoint among those of the file.
 */
export interface ModelMetadata {
  /** Names by class. */
  readonly classNames?: readonly string[];
  /** Per-channel mean, RGB, of pixels in 0..1. */
  readonly mean?: readonly [number, number, number];
  /** Per-channel deviation, RGB, of pixels in 0..1. */
  readonly std?: readonly [number, number, number];
  /** Of a classifier: what of a picture is looked at, as `PreprocessOptions`. */
  readonly crop?: 'center' | 'squash';
  /** Of a classifier: how pictures are resized. There is one way. */
  readonly interpolation?: 'bicubic';
  /** Whether it was trained on pictures as they are shown: an orientation tag (EXIF) is applied. */
  readonly upright?: boolean;
  /**
   * `[height, width]` in pixels. Of a classifier: its input, where its layers leave that open. Of a segmenter: the crops
   * that it learned from, and so its windows.
   */
  readonly inputSize?: readonly [number, number];
  /** Of a segmenter or detector: what the shorter side of pictures is resized to; absent where they keep their size. */
  readonly shortSide?: number;
  /** Of a detector: what the longer side has at most then. */
  readonly longSide?: number;
  /** Of a segmenter: from one window to the next, in pixels. */
  readonly slideStride?: number;
}

/** Longest side in pixels: as numbers, a picture of such sides takes 3 GiB. */
const MOST_SIDE = 2 ** 14;

type Check = (owner: string, name: string, value: unknown) => void;

const requireSide: Check = (owner, name, value) => {
  requireInteger(owner, name, value, 1);
  requireArgument(owner, name, value, Number(value) <= MOST_SIDE, `at most ${MOST_SIDE} pixels`);
};

const requirePixels: Check = (owner, name, value) => {
  requireStatistic(owner, name, value, name === 'std', '[R, G, B], of pixels in 0..1', 3);
  if (name === 'mean') requireMeanOfUnit(owner, value as readonly number[]);
};

/** What each fact can be. */
const CHECKS: Readonly<Record<keyof ModelMetadata, Check>> = {
  mean: requirePixels,
  std: requirePixels,
  crop: (owner, name, value) => requireOneOf(owner, name, value, ['center', 'squash']),
  interpolation: (owner, name, value) => requireOneOf(owner, name, value, ['bicubic']),
  upright: (owner, name, value) =>
    requireArgument(owner, name, value, typeof value === 'boolean', 'true or false'),
  inputSize: (owner, name, value) => {
    for (const side of requireSides(owner, name, value)) requireSide(owner, name, side);
  },
  shortSide: requireSide,
  longSide: requireSide,
  slideStride: requireSide,
  classNames: (owner, name, value) => {
    const names: unknown[] = Array.isArray(value) ? value : [];
    const fits = names.length > 0 && names.every((one) => typeof one === 'string');
    requireArgument(owner, name, value, fits, 'a list of names, one per class');
  },
};

const KEYS = /* @__PURE__ */ Object.keys(CHECKS) as readonly (keyof ModelMetadata)[];

/** Facts that belong to what looks at pictures: all but names of classes. */
export const PICTURE_KEYS = /* @__PURE__ */ KEYS.filter((key) => key !== 'classNames');

/** The names of facts that there are; null, as JSON has it, is none. */
const keysIn = (facts: Readonly<Record<string, unknown>>) =>
  KEYS.filter((key) => facts[key] !== undefined && facts[key] !== null);

/**
 * The facts among metadata, checked and copied; what else there is is left out.
 *
 * @throws {Error} when metadata are no object, or a fact is not what it can be
 */
export function checkedMetadata(owner: string, given: unknown): ModelMetadata {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  requireArgument(
    owner,
    'metadata',
    given,
    isObject,
    'an object, such as { mean, std, classNames }',
  );
  const facts = given as Readonly<Record<string, unknown>>;
  const there = keysIn(facts);
  for (const key of there) CHECKS[key](owner, key, facts[key]);
  // Of an input size that has channels behind it, as records have, the sides.
  const most = (key: string) => (key === 'inputSize' ? 2 : undefined);
  const copy = (value: unknown, key: string) =>
    Array.isArray(value) ? (value as unknown[]).slice(0, most(key)) : value;
  return Object.fromEntries(there.map((key) => [key, copy(facts[key], key)]));
}

/** Facts without those that are undefined, which tfjs refuses as metadata. */
export function present<Facts extends object>(facts: Facts): Facts {
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as Facts;
}

/** Saves facts with a model, beside what is there, or in place of it. */
export function addMetadata(model: tfl.LayersModel, facts: ModelMetadata): void {
  replaceMetadata(model, [], facts);
}

/** What a model is for, so far as its layers and outputs tell. */
export type ModelTask = 'classification' | 'segmentation' | 'detection';

type Outputs = Pick<tfl.LayersModel, 'layers' | 'outputs'>;

/** What a model is for; undefined where it is something else, or that cannot be told. */
export function taskOf(model: Outputs): ModelTask | undefined {
  if (layerOf(model, 'RevColCascadeHead')) return 'detection';
  if (layerOf(model, 'RevColUPerHead')) return 'segmentation';
  return model.outputs?.[0]?.shape.length === 2 ? 'classification' : undefined;
}

/**
 * What is saved with a model; empty where there is nothing.
 *
 * @param name of the model, for messages
 * @throws {Error} when a fact is not what it can be, or there are not as many names as classes
 */
export function metadataOf(model: tfl.LayersModel, name = model.name): ModelMetadata {
  const given = model.getUserDefinedMetadata() ?? {};
  const facts = checkedMetadata(`the user-defined metadata of ${name}`, given);
  requireNames(model, name, facts);
  return facts;
}

/** Asserts that a model is told as many names as it has classes, where that number is certain. */
function requireNames(model: tfl.LayersModel, name: string, { classNames }: ModelMetadata): void {
  const count = classNames && classCount(model);
  if (!classNames || count === undefined || classNames.length === count) return;
  throw new Error(
    `${name} names ${classNames.length} classes, the model has ${count}; expected a name for each in ` +
      `classNames of its user-defined metadata, which begin with ${shown(classNames[0])}`,
  );
}

/**
 * As `metadataOf`, for a file of the model's weights. Metadata are the user's own, and may mean something else by these
 * names: what cannot be a fact is left out, with a warning, as the weights are to be saved in any case.
 */
export function fittingMetadata(owner: string, model: tfl.LayersModel): ModelMetadata {
  const given = rawFacts(model);
  const unfit: string[] = [];
  const fits = ([key, value]: [string, unknown]) => {
    try {
      requireNames(model, model.name, checkedMetadata(model.name, { [key]: value }));
      return true;
    } catch (error) {
      unfit.push(messageOf(error));
      return false;
    }
  };
  const fitting = Object.fromEntries(Object.entries(given).filter(fits));
  if (unfit.length > 0) {
    warn(
      `${owner}: of the user-defined metadata of ${model.name} the file does not have what tells nothing of its ` +
        `pictures or classes: ${unfit.join('; ')}`,
    );
  }
  return checkedMetadata(model.name, fitting);
}

/** What a model's metadata have under the names of facts, whatever it is. */
export function rawFacts(
  model: tfl.LayersModel,
): Readonly<Partial<Record<keyof ModelMetadata, unknown>>> {
  const given = (model.getUserDefinedMetadata() ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(keysIn(given).map((key) => [key, given[key]]));
}

/** Saves facts with a model in place of those under some names, beside what else is there. */
export function replaceMetadata(
  model: tfl.LayersModel,
  gone: readonly (keyof ModelMetadata)[],
  facts: object,
): void {
  const before = (model.getUserDefinedMetadata() ?? {}) as Readonly<Record<string, unknown>>;
  const leaving = gone.filter((key) => before[key] !== undefined);
  const added = present(facts);
  if (leaving.length + Object.keys(added).length === 0) return;
  const without = Object.fromEntries(leaving.map((key) => [key, undefined]));
  model.setUserDefinedMetadata(present({ ...before, ...without, ...added }));
}
