/** What is saved with a model of its pictures and classes: which facts, what they can be, and reading them. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireInteger, requireOneOf, requireSides, shown } from './arguments';
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
  const there = KEYS.filter((key) => facts[key] !== undefined);
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
  const added = present(facts);
  if (Object.keys(added).length === 0) return;
  model.setUserDefinedMetadata({ ...model.getUserDefinedMetadata(), ...added });
}

/** What a model is for, so far as its layers and outputs tell. */
export type ModelTask = 'classification' | 'segmentation' | 'detection';

type Outputs = Pick<tfl.LayersModel, 'layers' | 'outputs'>;

const layerOf = ({ layers }: Outputs, className: string) =>
  layers.find((layer) => layer.getClassName() === className);

/** What a model is for; undefined where it is something else, or that cannot be told. */
export function taskOf(model: Outputs): ModelTask | undefined {
  if (layerOf(model, 'RevColCascadeHead')) return 'detection';
  if (layerOf(model, 'RevColUPerHead')) return 'segmentation';
  return model.outputs?.[0]?.shape.length === 2 ? 'classification' : undefined;
}

/** How many classes a model tells apart; undefined where it is none that tells classes. */
export function classCount(model: Outputs): number | undefined {
  const heads = layerOf(model, 'RevColCascadeHead') as { units?: number } | undefined;
  if (heads) return heads.units;
  const { shape = [] } = model.outputs?.[0] ?? {};
  return shape.length === 2 || shape.length === 4 ? (shape.at(-1) ?? undefined) : undefined;
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
  const { classNames } = facts;
  const count = classNames && classCount(model);
  if (!classNames || count === undefined || classNames.length === count) return facts;
  throw new Error(
    `${name} names ${classNames.length} classes, the model has ${count}; expected a name for each in ` +
      `classNames of its user-defined metadata, which begin with ${shown(classNames[0])}`,
  );
}
