/** Which parts of a layer are trained: finding them by path, and saying what differs from how they were given. */
import * as tfl from '@tensorflow/tfjs-layers';

import { isFactor } from '../../ops/low_rank';

type Layer = tfl.layers.Layer;

/** A layer with parts, and their paths within it. */
export interface LayerWithParts {
  readonly namedSublayers: readonly (readonly [path: string, layer: Layer])[];
  /** The weights that belong to none of its parts, with their names. */
  readonly namedWeights: readonly (readonly [name: string, weight: tfl.LayerVariable])[];
}

/** One weight of a part. */
interface WeightNode {
  readonly path: string;
  readonly weight: tfl.LayerVariable;
  readonly given: boolean;
}

/** A layer and what is in it, with what was trained when the tree was made. */
export interface PartTree {
  /** Path from the root, in lower case with hyphens, which survives tfjs's changes of case. */
  readonly path: string;
  readonly layer: Layer;
  readonly given: boolean;
  readonly parts: readonly PartTree[];
  /** Weights of no part. */
  readonly weights: readonly WeightNode[];
}

/** Changes of what is trained, as paths; `unfrozen` is to be applied first. */
export interface FrozenPaths {
  frozen: string[];
  unfrozen: string[];
}

/** What layers were given as, where a caller may have changed it before they are built. */
const givenAs = new WeakMap<Layer, boolean>();

/** Notes whether a fresh layer, and what is in it, is trained, before anybody can change it. */
export function rememberTrainable(layer: Layer, visited = new Set<Layer>()): void {
  visited.add(layer);
  givenAs.set(layer, layer.trainable);
  for (const [, part] of partsOf(layer)) if (!visited.has(part)) rememberTrainable(part, visited);
}

function hasParts(layer: object): layer is LayerWithParts {
  return Array.isArray((layer as Partial<LayerWithParts>).namedSublayers);
}

/** Layers in a field, an array, a plain object or a map of a layer of the user's. */
function layersIn(value: unknown, name: string, depth = 0): [string, Layer][] {
  if (value instanceof tfl.layers.Layer) return [[name, value]];
  if (depth > 2 || value == null || typeof value !== 'object') return [];
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  const entries =
    value instanceof Map
      ? [...(value as Map<unknown, unknown>)]
      : Array.isArray(value) || isPlain
        ? Object.entries(value)
        : [];
  return entries.flatMap(([key, item]) => layersIn(item, `${name}-${String(key)}`, depth + 1));
}

/** The layers that a layer holds: by name in our own and in models, else by the fields they are in. */
function partsOf(layer: Layer): (readonly [name: string, part: Layer])[] {
  if (hasParts(layer)) return [...layer.namedSublayers];
  if (layer instanceof tfl.LayersModel) {
    return layer.layers.map((part) => [part.name, part] as const);
  }
  const seen = new Set<Layer>([layer]);
  return Object.entries(layer)
    .flatMap(([field, value]) => layersIn(value, field))
    .filter(([, part]) => !seen.has(part) && Boolean(seen.add(part)));
}

/** Names that a saved configuration keeps, and that differ among siblings. */
function pathNames(names: readonly string[]): string[] {
  const plain = names.map(normalPath);
  const counts = new Map<string, number>();
  for (const name of plain) counts.set(name, (counts.get(name) ?? 0) + 1);
  return plain.map((name, i) => ((counts.get(name) as number) > 1 ? `${name}#${i}` : name));
}

/** A path as it is compared and saved: tfjs rewrites underscores and capitals. */
export function normalPath(path: string): string {
  return path.replace(/_/g, '-').toLowerCase();
}

/**
 * Names of weights without the scopes that all of them are in. Adapters, which are in scopes of their own,
 * change nothing about the names of the others.
 */
function localNames(weights: readonly tfl.LayerVariable[]): string[] {
  const isAdapter = (weight: tfl.LayerVariable) => isFactor(weight['val']);
  const [own, adapters] = [weights.filter((w) => !isAdapter(w)), weights.filter(isAdapter)];
  const names = new Map(
    [own, adapters].flatMap((group) => {
      const local = withoutShared(group);
      return group.map((weight, i) => [weight, local[i] as string] as const);
    }),
  );
  return weights.map((weight) => names.get(weight) as string);
}

function withoutShared(weights: readonly tfl.LayerVariable[]): string[] {
  const split = weights.map((w) => w.originalName.split('/'));
  const first = split[0] ?? [];
  let shared = 0;
  while (shared < first.length - 1 && split.every((s) => s[shared] === first[shared])) shared++;
  return split.map((s) => s.slice(Math.min(shared, s.length - 1)).join('/'));
}

/**
 * The parts of a built layer, down to single weights.
 *
 * @param path path of `layer` itself, `''` for the root
 */
export function partTree(layer: Layer, path = '', visited = new Set<Layer>()): PartTree {
  visited.add(layer);
  const below = (name: string) => (path === '' ? name : `${path}/${name}`);
  const all = new Set(layer.weights);
  // A layer that is merely referred to is no part: its weights would be listed.
  const known = partsOf(layer).filter(
    ([, part]) =>
      !visited.has(part) &&
      (hasParts(layer) || (part.weights.length > 0 && part.weights.every((w) => all.has(w)))),
  );
  const names = pathNames(known.map(([name]) => name));
  const parts = known.map(([, part], i) => partTree(part, below(names[i] as string), visited));
  const covered = new Set(known.flatMap(([, part]) => part.weights));
  const rest = layer.weights.filter((w) => !covered.has(w));
  const named = hasParts(layer) ? new Map(layer.namedWeights.map(([n, w]) => [w, n])) : null;
  const local = localNames(rest);
  const weightNames = pathNames(rest.map((w, i) => named?.get(w) ?? (local[i] as string)));
  const trained = new Set(layer.trainable ? layer.trainableWeights : []);
  return {
    path,
    layer,
    given: givenAs.get(layer) ?? layer.trainable,
    parts,
    weights: rest.map((weight, i) => ({
      path: below(weightNames[i] as string),
      weight,
      given: layer.trainable ? trained.has(weight) : weight.trainable,
    })),
  };
}

/** What is trained otherwise than when the tree was made, topmost parts only. */
export function changedPaths(tree: PartTree): FrozenPaths {
  const changes: FrozenPaths = { frozen: [], unfrozen: [] };
  for (const part of tree.parts) note(part, part.given, changes);
  noteWeights(tree, tree.given, changes);
  return changes;
}

/** @param given whether the part would be trained if nothing were said of it */
function note(part: PartTree, given: boolean, changes: FrozenPaths): void {
  if (!part.layer.trainable) {
    if (given) changes.frozen.push(part.path);
    return;
  }
  if (!given) changes.unfrozen.push(part.path);
  // Layers of ours hand `trainable` on to their parts; a model does not change its layers'.
  const cascades = !given && hasParts(part.layer);
  for (const below of part.parts) note(below, cascades || below.given, changes);
  noteWeights(part, given, changes);
}

function noteWeights({ layer, weights }: PartTree, given: boolean, changes: FrozenPaths): void {
  if (weights.length === 0) return;
  const trained = new Set(layer.trainableWeights);
  for (const { path, weight, given: own } of weights) {
    const now = trained.has(weight);
    if (now === own) continue;
    if (!now) changes.frozen.push(path);
    else if (given) changes.unfrozen.push(path);
  }
}

/**
 * Freezes and unfreezes parts and single weights. Afterwards what they are now counts as given to
 * whoever holds the layer.
 *
 * @param owner class name for the message
 * @throws {Error} when there is no such part, before anything is changed
 */
export function applyPaths(
  owner: string,
  tree: PartTree,
  { frozen, unfrozen }: Readonly<Record<keyof FrozenPaths, readonly string[]>>,
): void {
  const find = (option: keyof FrozenPaths) => (path: string) => {
    const found = nodeAt(tree, normalPath(path));
    if (found) return found;
    const top = tree.parts.length > 0 ? tree.parts : tree.weights;
    const known = top.map((part) => `'${part.path}'`).join(', ');
    throw new Error(
      `${owner}: ${option} names '${path}', which is not a part of it; parts are ${known}, and what ` +
        `is below them`,
    );
  };
  const [thaw, freeze] = [unfrozen.map(find('unfrozen')), frozen.map(find('frozen'))];
  for (const node of thaw) node.trainable = true;
  for (const node of freeze) node.trainable = false;
  forget(tree);
}

function nodeAt(tree: PartTree, path: string): { trainable: boolean } | undefined {
  const weight = tree.weights.find((w) => w.path === path);
  if (weight) return weight.weight;
  for (const part of tree.parts) {
    if (part.path === path) return part.layer;
    const below = nodeAt(part, path);
    if (below) return below;
  }
  return undefined;
}

function forget(tree: PartTree): void {
  givenAs.delete(tree.layer);
  tree.parts.forEach(forget);
}

/** Paths as a configuration holds them. */
export function normalPaths(paths: readonly string[]): string[] {
  return paths.map(normalPath);
}
