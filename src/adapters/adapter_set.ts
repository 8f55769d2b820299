/** What adapters a model has, and putting them on its layers and taking them off. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import type { ModelMetadata } from '../common/model_metadata';
import { type PartTree, partTree } from '../layers/base/frozen_parts';
import { kindOf } from '../layers/base/own_classes';
import { changeProjection, type Projection, projectionsIn } from '../layers/base/projections';
import { withStablePaths } from '../layers/base/stable_paths';
import { keepFlags, releaseFlags, type TrainedState } from '../layers/base/trained_state';
import type { LowRank } from '../ops/low_rank';

/** The adapter of one projection. */
export interface Adapter {
  readonly projection: Projection;
  /** `[inputs, rank]` */
  readonly down: tfl.LayerVariable;
  /** `[rank, outputs]` */
  readonly up: tfl.LayerVariable;
}

/** Adapters that are merged into the kernels. */
export interface Merged {
  /** What the kernels were before, one per adapter. */
  readonly originals: readonly tf.Tensor[];
  /** Identity of the data that merging gave each kernel. */
  readonly dataIds: readonly object[];
  /** What was trained before merging. */
  readonly trained: TrainedState;
}

/** Facts of `ModelMetadata`, unchecked. */
type Facts = Readonly<Partial<Record<keyof ModelMetadata, unknown>>>;

/** What is saved with a model of its pictures and classes since adapters were loaded. */
export interface LoadedFacts {
  readonly facts: Facts;
  /** Whether a file brought the weights that give the classes, which stay, and so do their names. */
  readonly hasHead: boolean;
}

/** All adapters of a model. */
export interface AdapterSet {
  readonly rank: number;
  alpha: number;
  readonly adapters: readonly Adapter[];
  /** The layers that have adapters, and those that they are in. */
  readonly open: ReadonlySet<tfl.layers.Layer>;
  /** What was trained before there were adapters. */
  readonly trainedBefore: TrainedState;
  /** What was saved with the model of its pictures and classes before there were adapters. */
  factsBefore: Facts;
  /** What was saved with it since they were loaded from a file; null where they were not. */
  factsLoaded: LoadedFacts | null;
  merged: Merged | null;
}

const sets = new WeakMap<tfl.LayersModel, AdapterSet>();

/** A model's adapters, if it has any. */
export function adaptersOf(model: tfl.LayersModel): AdapterSet | undefined {
  return sets.get(model);
}

/** Asserts that a model has adapters, and not merged ones. */
export function requireAdapters(owner: string, model: tfl.LayersModel): AdapterSet {
  requireModel(owner, model);
  const set = sets.get(model);
  if (!set) throw new Error(`${owner}: ${model.name} has no adapters; call addAdapters first`);
  if (!set.merged) return set;
  throw new Error(
    `${owner}: the adapters of ${model.name} are merged into its weights; call unmergeAdapters first`,
  );
}

/** The parts of a model, by paths that are the same in every process. */
export function treeOf(model: tfl.LayersModel): PartTree {
  return withStablePaths(partTree(model));
}

/** Paths of the projections that `projectionsOf` gives, in its order, with all names as the layers have them. */
export function namedPathsOf(model: tfl.LayersModel): string[] {
  return projectionsIn(partTree(model)).map(({ path }) => path);
}

/** All projections of a model that can have adapters. */
export function projectionsOf(model: tfl.LayersModel): Projection[] {
  return projectionsIn(treeOf(model));
}

/** Lets a model have adapters, which go with it when it is disposed; undefined: none again. */
export function setAdapters(model: tfl.LayersModel, set: AdapterSet | undefined): void {
  const hooked: Partial<tfl.LayersModel> = model;
  if (!set) {
    sets.delete(model);
    delete hooked.dispose;
    return;
  }
  sets.set(model, set);
  hooked.dispose = () => {
    // Those that are on are among the layers' weights.
    if (set.merged) {
      disposeFactors(set.adapters);
      for (const original of set.merged.originals) original.dispose();
    }
    setAdapters(model, undefined);
    return model.dispose();
  };
}

/** Frees the adapters' own weights. */
export function disposeFactors(adapters: readonly Adapter[]): void {
  for (const { down, up } of adapters) for (const weight of [down, up]) weight.dispose();
}

/** An adapter as the computation wants it. */
export function factorsOf(
  { alpha, rank }: Pick<AdapterSet, 'alpha' | 'rank'>,
  { down, up }: Pick<Adapter, 'down' | 'up'>,
): LowRank {
  return { down: down['val'], up: up['val'], scale: alpha / rank };
}

/** Puts adapters on the layers: their weights count among a layer's own, last. */
export function attach(set: AdapterSet): void {
  const { adapters, open } = set;
  keepFlags(open);
  for (const adapter of adapters) {
    const { projection, down, up } = adapter;
    projection.layer['_trainableWeights'].push(down, up);
    changeProjection(projection, factorsOf(set, adapter));
  }
  // Each of them may be what is saved, or be asked for its configuration by another model.
  for (const layer of open) {
    layer.getConfig = () => {
      throw new Error(
        `${kindOf(layer)} ${layer.name} has adapters, which a saved model does not hold. Call ` +
          `saveAdapters for them alone, or mergeAdapters before saving the model with what they change`,
      );
    };
  }
}

/** Takes adapters off the layers; does not free them. */
export function detach({ adapters, open }: AdapterSet): void {
  releaseFlags(open);
  for (const { projection, down, up } of adapters) {
    const { layer } = projection;
    const weights = layer['_trainableWeights'];
    for (const weight of [down, up]) {
      const at = weights.indexOf(weight);
      if (at >= 0) weights.splice(at, 1);
    }
    changeProjection(projection, null);
  }
  for (const layer of open) Reflect.deleteProperty(layer, 'getConfig');
}

/** Lets a compiled model train what is trained now; tfjs looks only when it compiles. */
export function collectTrainedWeights(model: tfl.LayersModel): void {
  const compiled = model as unknown as { collectedTrainableWeights?: tfl.LayerVariable[] | null };
  if (compiled.collectedTrainableWeights)
    compiled.collectedTrainableWeights = model.trainableWeights;
}
