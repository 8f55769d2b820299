/** Models in a template that are frozen, which tfjs leaves out of their configurations. */
import * as tfl from '@tensorflow/tfjs-layers';

import { type PartTree, partTree } from './frozen_parts';

type Layer = tfl.layers.Layer;

function modelsIn(tree: PartTree): PartTree[] {
  const below = tree.parts.flatMap(modelsIn);
  return tree.layer instanceof tfl.LayersModel ? [tree, ...below] : below;
}

/**
 * Paths of the models in a layer that are frozen as a whole, `''` for the layer itself. A model tells
 * neither its own configuration nor those of its layers that it is.
 */
export function frozenModels(layer: Layer): string[] {
  return modelsIn(partTree(layer))
    .filter((part) => !part.layer.trainable)
    .map((part) => part.path);
}

/** Freezes the models at these paths in a copy of the layer that had them. */
export function freezeModels(copy: Layer, paths: readonly string[]): void {
  const wanted = new Set(paths);
  if (wanted.size === 0) return;
  for (const { path, layer } of modelsIn(partTree(copy))) {
    if (wanted.has(path)) layer.trainable = false;
  }
}
