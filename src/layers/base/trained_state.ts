/** Which layers and weights of a model are trained, taken down and put back. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { CompositeLayer } from './composite_layer';
import type { PartTree } from './frozen_parts';
import { onModelTrainable } from './trainable_switch';

/** The flags of everything in a tree, layers before what is in them. */
export interface TrainedState {
  readonly layers: readonly (readonly [layer: tfl.layers.Layer, trainable: boolean])[];
  readonly weights: readonly (readonly [weight: tfl.LayerVariable, trainable: boolean])[];
}

/** What is trained now. */
export function trainedState({ layer, weights, parts }: PartTree): TrainedState {
  const below = parts.map(trainedState);
  return {
    layers: [[layer, layer.trainable], ...below.flatMap((state) => state.layers)],
    weights: [
      ...weights.map(({ weight }) => [weight, weight.trainable] as const),
      ...below.flatMap((state) => state.weights),
    ],
  };
}

/** Sets all flags to what they were. */
export function setTrainedState({ layers, weights }: TrainedState): void {
  // A layer hands its flag on to what is in it, which comes later in the list.
  for (const [layer, trainable] of layers) {
    if (layer.trainable !== trainable) layer.trainable = trainable;
  }
  for (const [weight, trainable] of weights) weight.trainable = trainable;
  for (const [layer] of layers) if (layer instanceof CompositeLayer) layer.setVariableFlags();
}

/**
 * Freezes every weight, and every layer but some and those that they are in, so that what these get later
 * is trained.
 *
 * @returns the layers that are not frozen, weights aside
 */
export function freezeBut(
  tree: PartTree,
  some: ReadonlySet<tfl.layers.Layer>,
): ReadonlySet<tfl.layers.Layer> {
  const { layers, weights } = trainedState(tree);
  const open = new Set<tfl.layers.Layer>();
  noteEnclosing(tree, some, open);
  setTrainedState({
    layers: layers.map(([layer]) => [layer, open.has(layer)] as const),
    weights: weights.map(([weight]) => [weight, false] as const),
  });
  return open;
}

/**
 * Lets the weights that layers have now keep their flags whatever the `trainable` of the layer or of a
 * model around it is set to. A `tf.Sequential` sets its own, and with it those of all weights in it,
 * whenever it is compiled. Layers of ours need none of it.
 */
export function keepFlags(layers: Iterable<tfl.layers.Layer>): void {
  for (const layer of layers) {
    if (!(layer instanceof CompositeLayer)) onModelTrainable(layer['_trainableWeights'], () => {});
  }
}

/** Undoes `keepFlags`. */
export function releaseFlags(layers: Iterable<tfl.layers.Layer>): void {
  for (const layer of layers) {
    if (layer instanceof CompositeLayer) continue;
    Reflect.deleteProperty(layer['_trainableWeights'], 'forEach');
  }
}

/** Adds every layer of a tree that is one of `wanted`, or has one in it. */
function noteEnclosing(
  { layer, parts }: PartTree,
  wanted: ReadonlySet<tfl.layers.Layer>,
  found: Set<tfl.layers.Layer>,
): boolean {
  const below = parts.map((part) => noteEnclosing(part, wanted, found));
  if (!wanted.has(layer) && !below.includes(true)) return false;
  found.add(layer);
  return true;
}
