/** What a model's name stands for: a size, or a published weight set of one. */
import { requireArgument } from '../common/arguments';
import { byNearness } from '../common/options';
import { plainName } from '../common/options';
import {
  isModelSizeName,
  isVitSizeName,
  type ModelSizeName,
  SIZE_NAMES,
  type VitSizeName,
} from './architectures';
import { PRETRAINED_WEIGHTS, type PretrainedName, type PretrainedWeights } from './pretrained';

/**
 * Name of a size (`revcol_base`, `revcol_vit_small`) or of a published weight set
 * (`revcol_base.in1k`).
 */
export type ModelName = ModelSizeName | VitSizeName | PretrainedName;

/** The weight sets of a size, or of any. */
function setsOf(size: string): PretrainedName[] {
  return Object.values(PRETRAINED_WEIGHTS)
    .filter((weights) => weights.size === size)
    .map(({ name }) => name);
}

/** Every name: each size, followed by its weight sets. */
export const MODEL_NAMES: readonly ModelName[] = /* @__PURE__ */ SIZE_NAMES.flatMap((size) => [
  size,
  ...setsOf(size),
]);

/** What a name says. */
export interface Named {
  name: ModelName;
  size: ModelSizeName | VitSizeName;
  /** The published weights, when the name has a tag. */
  weights?: PretrainedWeights;
}

/**
 * Takes a name apart.
 *
 * @param owner name of the function that was called, for the message
 * @throws {Error} for an unknown name, with the names that come nearest
 */
export function parseName(owner: string, name: string): Named {
  const fits = typeof name === 'string';
  const expected = "a model's name such as 'revcol_tiny'; listModels() gives all of them";
  requireArgument(owner, 'name', name, fits, expected);
  if (isModelSizeName(name) || isVitSizeName(name)) return { name, size: name };
  if (Object.hasOwn(PRETRAINED_WEIGHTS, name)) {
    const weights = PRETRAINED_WEIGHTS[name as PretrainedName];
    return { name: weights.name, size: weights.size, weights };
  }
  const [size = '', tag] = name.split('.', 2);
  if (tag !== undefined && (SIZE_NAMES as readonly string[]).includes(size)) {
    const published = setsOf(size);
    throw new Error(
      published.length > 0
        ? `${owner}: '${name}' is not a published weight set; ${size} has ${published.join(', ')}`
        : `${owner}: '${name}' is not a published weight set; no weights of ${size} were ` +
            `published, so build it without a tag and load your own checkpoint`,
    );
  }
  const near = byNearness(name, MODEL_NAMES);
  const [nearest] = near;
  const isMeant = nearest !== undefined && plainName(nearest) === plainName(name);
  throw new Error(
    `${owner}: unknown model '${name}'; ` +
      (isMeant
        ? `did you mean '${nearest}'? `
        : `nearest names: ${near.slice(0, 3).join(', ')}; `) +
      'listModels() gives all of them',
  );
}

/**
 * The published weights of a model name.
 *
 * @throws {Error} for an unknown name, and for a size without a tag, with the tags it has
 */
export function pretrainedWeights(name: string): PretrainedWeights {
  return weightsOf('pretrainedWeights', name);
}

/** `pretrainedWeights` in the name of another function. */
export function weightsOf(owner: string, name: string): PretrainedWeights {
  const { weights, size } = parseName(owner, name);
  if (weights) return weights;
  const published = setsOf(size);
  throw new Error(
    published.length > 0
      ? `${owner}: '${name}' names an architecture; say which weights: ${published.join(', ')}`
      : `${owner}: no weights of ${name} were published; load your own checkpoint`,
  );
}
