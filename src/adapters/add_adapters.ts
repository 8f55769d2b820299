/** Putting adapters on a model, and taking them off. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireModel, requireRanges } from '../common/arguments';
import { type ModelMetadata, rawFacts, replaceMetadata } from '../common/model_metadata';
import { type OptionNames, requireOptions } from '../common/options';
import type { Projection } from '../layers/base/projections';
import { freezeBut, setTrainedState, trainedState } from '../layers/base/trained_state';
import { DOWN, UP } from './adapter_file';
import {
  type Adapter,
  type AdapterSet,
  adaptersOf,
  attach,
  collectTrainedWeights,
  detach,
  disposeFactors,
  requireAdapters,
  setAdapters,
  treeOf,
} from './adapter_set';
import { chosenProjections } from './targets';

/** Options of `addAdapters`. */
export interface AdapterOptions {
  /** Rank of each change of a kernel, at most its smaller side. Default 8. */
  rank?: number;
  /** The change is scaled by `alpha / rank`. Above 0. Default: the rank, so a scale of 1. */
  alpha?: number;
  /**
   * Which projections get adapters: kinds (`'pointwise'`, `'fusion'`, `'attention'` of the blocks;
   * `'dense'`, `'conv'` of tfjs's own layers) and whole segments of paths, such as `'expand'`,
   * `'query'`, `'column-3/level-2'` or a layer's name. Default: all projections.
   */
  targets?: readonly string[];
}

export const ADAPTER_OPTIONS: OptionNames<AdapterOptions> = {
  rank: true,
  alpha: true,
  targets: true,
};

const OWNER = 'addAdapters';

/**
 * Adds low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) to a model's projections and freezes
 * everything else: a kernel `W` becomes `W + alpha / rank * A B`, with `A` `[in, rank]` drawn from a normal
 * distribution of deviation `1 / sqrt(in)` and `B` `[rank, out]` zero, so that nothing changes at first.
 *
 * Only adapters are trained then, by any optimizer and in any way of training; set `trainable = true` on
 * a layer afterwards, such as a new head, to train it as well. Compile the model after it: optimizers keep
 * their moments by the place of a weight. Gradients of frozen kernels are neither computed nor kept.
 *
 * While adapters are on, saving the model throws: `saveAdapters` saves them alone, and after
 * `mergeAdapters` the model is saved as one without adapters.
 *
 * @throws {Error} when the model has adapters, a rank is no integer from 1 or larger than a kernel's side,
 *   `alpha` is no number above 0, or a target is not there; nothing is changed then
 */
export function addAdapters(model: tfl.LayersModel, options: AdapterOptions = {}): void {
  requireOptions(OWNER, options, ADAPTER_OPTIONS);
  requireModel(OWNER, model);
  const { rank = 8, alpha = rank, targets } = options;
  requireNone(model);
  requireInteger(OWNER, 'rank', rank, 1);
  requireRanges(OWNER, [['alpha', alpha, alpha > 0, 'above 0']]);
  const projections = chosenProjections(OWNER, model, targets);
  for (const projection of projections) requireFits(OWNER, projection, rank);
  putOn(OWNER, model, projections, rank, alpha);
}

/** Asserts that a model has no adapters. */
function requireNone(model: tfl.LayersModel): void {
  const set = adaptersOf(model);
  if (!set) return;
  throw new Error(
    `${OWNER}: ${model.name} has ${set.merged ? 'merged ' : ''}adapters of rank ${set.rank} already; ` +
      (set.merged
        ? 'call unmergeAdapters and removeAdapters first'
        : 'call removeAdapters first, or loadAdapters to put others in their place'),
  );
}

/** Asserts that a change of a kernel can have this rank. */
export function requireFits(owner: string, projection: Projection, rank: number): void {
  const { path, inputs, outputs } = projection;
  if (rank <= Math.min(inputs, outputs)) return;
  throw new Error(
    `${owner}: rank is ${rank}, but the kernel of '${path}' is ${inputs} x ${outputs}; give at most ` +
      `${Math.min(inputs, outputs)}, or targets without it`,
  );
}

/** Puts new adapters on projections, and freezes the rest. */
export function putOn(
  owner: string,
  model: tfl.LayersModel,
  projections: readonly Projection[],
  rank: number,
  alpha: number,
): AdapterSet {
  const tree = treeOf(model);
  const trainedBefore = trainedState(tree);
  const adapters: Adapter[] = [];
  const open = new Set<tfl.layers.Layer>();
  const factsBefore = rawFacts(model);
  const set: AdapterSet = {
    ...{ rank, alpha, adapters, open, trainedBefore, factsBefore },
    factsLoaded: null,
    merged: null,
  };
  try {
    for (const projection of projections) adapters.push(newAdapter(projection, rank));
    const layers = new Set(projections.map(({ layer }) => layer));
    for (const layer of freezeBut(tree, layers)) open.add(layer);
    attach(set);
    requireListed(owner, model, adapters);
  } catch (error) {
    detach(set);
    disposeFactors(adapters);
    setTrainedState(trainedBefore);
    throw error;
  }
  setAdapters(model, set);
  collectTrainedWeights(model);
  return set;
}

function newAdapter(projection: Projection, rank: number): Adapter {
  const { path, inputs, outputs } = projection;
  // No addWeight: a loaded model's layers make all new weights zero.
  const weight = (name: string, init: () => tf.Tensor) => {
    const value = init();
    try {
      return new tfl.LayerVariable(value, 'float32', `${path}${name}`);
    } finally {
      value.dispose();
    }
  };
  const down = weight(DOWN, () => tf.randomNormal([inputs, rank], 0, 1 / Math.sqrt(inputs)));
  try {
    return { projection, down, up: weight(UP, () => tf.zeros([rank, outputs])) };
  } catch (error) {
    down.dispose();
    throw error;
  }
}

/** Asserts that the model counts the adapters among what it trains. */
function requireListed(owner: string, model: tfl.LayersModel, adapters: readonly Adapter[]): void {
  const listed = new Set(model.trainableWeights);
  const lost = adapters.find(({ down, up }) => !listed.has(down) || !listed.has(up));
  if (!lost) return;
  throw new Error(
    `${owner}: ${model.name} does not list the adapter of '${lost.projection.path}' among its weights. A ` +
      `layer that holds another must ask it for its trainableWeights whenever it is asked for its own`,
  );
}

/**
 * Takes a model's adapters off and frees them. The model is what it was before `addAdapters`, with the
 * same parts trained; what was trained beside the adapters keeps its values. What `loadAdapters` has saved with it of
 * pictures and classes goes with them, and what the model said before is back, but for names of classes where the weights
 * that give these came along, and what was saved with it since.
 *
 * @throws {Error} when it has none, or they are merged
 */
export function removeAdapters(model: tfl.LayersModel): void {
  const set = requireAdapters('removeAdapters', model);
  takeOff(model, set);
  restoreFacts(model, set);
}

/** Saves with a model what was saved with it before adapters were loaded, where that is still as they said it. */
function restoreFacts(model: tfl.LayersModel, { factsBefore, factsLoaded }: AdapterSet): void {
  if (!factsLoaded) return;
  const { facts, hasHead } = factsLoaded;
  const now = rawFacts(model);
  const keys = Object.keys({ ...factsBefore, ...facts }) as (keyof ModelMetadata)[];
  const gone = keys.filter((key) => now[key] === facts[key] && !(hasHead && key === 'classNames'));
  replaceMetadata(model, gone, Object.fromEntries(gone.map((key) => [key, factsBefore[key]])));
}

/** Takes adapters off that are not merged. */
export function takeOff(model: tfl.LayersModel, set: AdapterSet): void {
  detach(set);
  disposeFactors(set.adapters);
  setTrainedState(set.trainedBefore);
  setAdapters(model, undefined);
  collectTrainedWeights(model);
}
