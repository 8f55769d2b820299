/** The classifier at the end of a model: finding it, and giving the model another one. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { present } from '../../common/model_metadata';
import { withSeededRandom } from '../../ops/engine/random';

type Layer = tfl.layers.Layer;
type Config = tf.serialization.ConfigDict;

/** The end of a classifier, from the layer that makes a number for each class on. */
export interface Head {
  /** In the order in which they are applied; the first one makes a number for each class. */
  readonly layers: readonly Layer[];
  /** What the first one is applied to. */
  readonly features: tfl.SymbolicTensor;
  readonly classes: number;
  /** Whether the model ends in a softmax of its own; else it gives logits. */
  readonly givesProbabilities: boolean;
}

/**
 * Finds the head of a classifier: the last layer that has units or filters, and what comes after it.
 *
 * @throws {Error} when the model has several outputs, or one that is not `[batch, classes]`, or ends in
 *   something else than one chain of layers from such a layer on
 */
export function headOf(owner: string, model: tfl.LayersModel): Head {
  const [output, ...others] = model.outputs;
  if (!output || others.length > 0) {
    throw new Error(
      `${owner}: ${model.name} has ${model.outputs.length} outputs; expected one, [batch, classes]: a ` +
        `classifier without intermediate supervision`,
    );
  }
  const classes = output.shape[1];
  if (output.shape.length !== 2 || classes == null) {
    throw new Error(
      `${owner}: ${model.name} gives ${show(output.shape)}; expected [batch, classes], the logits or ` +
        `probabilities of a classifier`,
    );
  }
  const layers: Layer[] = [];
  let at = output;
  for (;;) {
    const layer = at.sourceLayer;
    layers.unshift(layer);
    if (at.inputs.length !== 1) throw noHead(owner, model, layers);
    const features = at.inputs[0] as tfl.SymbolicTensor;
    if (sizeKey(layer)) {
      return { layers, features, classes, givesProbabilities: endsInSoftmax(layers) };
    }
    at = features;
  }
}

function noHead(owner: string, model: tfl.LayersModel, layers: readonly Layer[]): Error {
  const [first] = layers;
  return new Error(
    `${owner}: ${model.name} ends in ${layers.map((l) => l.getClassName()).join(', ')}, and what comes ` +
      `before ${first?.name} is no layer with units or filters. Expected a model that ends in one such as ` +
      `tf.layers.dense, and maybe a softmax`,
  );
}

/** Which option of a layer is the number of its outputs. */
function sizeKey(layer: Layer): 'units' | 'filters' | undefined {
  if (layer instanceof tfl.LayersModel) return undefined;
  const config = layer.getConfig();
  return (['units', 'filters'] as const).find((key) => typeof config[key] === 'number');
}

/** What a layer does to its result; null for nothing. */
function activationOf(layer: Layer): unknown {
  if (layer.getClassName() === 'Softmax') return 'softmax';
  const { activation } = layer.getConfig();
  return activation === 'linear' ? null : (activation ?? null);
}

function endsInSoftmax(layers: readonly Layer[]): boolean {
  return layers.map(activationOf).some((activation) => activation === 'softmax');
}

/**
 * Asserts that a head can be trained as it is.
 *
 * @throws {Error} when it ends in a sigmoid, of which several may be 1 at once
 */
export function requireExclusive(owner: string, model: tfl.LayersModel, head: Head): void {
  if (!head.layers.map(activationOf).includes('sigmoid')) return;
  throw new Error(
    `${owner}: ${model.name} ends in a sigmoid, for classes that do not exclude each other; expected ` +
      `logits or a softmax, for examples of one class each`,
  );
}

/**
 * A model with a new head of random weights in place of its own, for another number of classes. All that
 * comes before it the two models share: what trains one changes the other. Either may be disposed of, and
 * the shared layers go with the last of them. A layer of the head that is applied below it, too, stays there; the one
 * in its place gets a name of its own.
 *
 * @param seed of the new weights
 * @throws {Error} when the head cannot be made for so many classes; nothing has changed then
 */
export function withNewHead(
  owner: string,
  model: tfl.LayersModel,
  { layers, features, classes }: Head,
  newClasses: number,
  seed: number,
): tfl.LayersModel {
  const below = layersBelow(features);
  const made: Layer[] = [];
  let renewed: tfl.LayersModel;
  try {
    for (const [i, layer] of layers.entries()) {
      const name = below.has(layer) ? freshName(layer.name, [...below, ...layers]) : layer.name;
      made.push(likeHead(layer, { name, isFirst: i === 0, classes, newClasses }));
    }
    const output = withSeededRandom(seed, () =>
      made.reduce((x, layer) => layer.apply(x) as tfl.SymbolicTensor, features),
    );
    if (output.shape.length !== 2 || output.shape[1] !== newClasses) {
      throw new Error(
        `${owner}: the last layers of ${model.name} give ${show(output.shape)} when ${layers[0]?.name} is ` +
          `made for ${newClasses} classes; give a model with an output of [batch, ${newClasses}]`,
      );
    }
    renewed = tfl.model({ inputs: model.inputs, outputs: output, name: model.name });
  } catch (error) {
    // A layer that has not been applied cannot be disposed of as one.
    for (const { weights } of made) for (const weight of weights) weight.dispose();
    throw error;
  }
  const shared = new Set(model.layers);
  for (const layer of renewed.layers) if (shared.has(layer)) keepForBoth(layer);
  // The names of its classes go with the head.
  const metadata = { ...model.getUserDefinedMetadata(), classNames: undefined };
  renewed.setUserDefinedMetadata(present(metadata));
  return renewed;
}

/** All layers on the way to a tensor, those of models within included. */
function layersBelow(features: tfl.SymbolicTensor): Set<Layer> {
  const found = new Set<Layer>();
  const seen = new Set<tfl.SymbolicTensor>();
  const waiting = [features];
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    addWithParts(at.sourceLayer, found);
    waiting.push(...at.inputs);
  }
  return found;
}

function addWithParts(layer: Layer, to: Set<Layer>): void {
  to.add(layer);
  if (layer instanceof tfl.LayersModel) for (const part of layer.layers) addWithParts(part, to);
}

/** The name with the lowest number behind it that none of the layers has. */
function freshName(name: string, layers: readonly Layer[]): string {
  const taken = new Set(layers.map((layer) => layer.name));
  for (let i = 1; ; i++) if (!taken.has(`${name}_${i}`)) return `${name}_${i}`;
}

/** What a layer of a new head is to be. */
interface NewLayer {
  readonly name: string;
  /** Whether it makes a number for each class. */
  readonly isFirst: boolean;
  /** Before and now. */
  readonly classes: number;
  readonly newClasses: number;
}

/** A layer as it is configured, for another number of classes. */
function likeHead(layer: Layer, { name, isFirst, classes, newClasses }: NewLayer): Layer {
  const cls = layer.constructor as tf.serialization.SerializableConstructor<Layer>;
  const config: Config = { ...layer.getConfig() };
  const key = isFirst && sizeKey(layer);
  if (key) config[key] = newClasses;
  const { targetShape } = config as { targetShape?: number[] };
  if (Array.isArray(targetShape)) {
    config['targetShape'] = targetShape.map((size) => (size === classes ? newClasses : size));
  }
  // Of classes that do not exclude each other; these do.
  if (config['activation'] === 'sigmoid') config['activation'] = 'softmax';
  // A frozen head would stay as random as it is.
  return cls.fromConfig(cls, { ...config, name, trainable: true });
}

/**
 * tfjs counts how often a layer is applied, not how many models have it; and a model disposes of one
 * inside it twice, once as a layer and once for having made it.
 */
function keepForBoth(layer: Layer): void {
  const counted = layer as unknown as { _refCount: number | null };
  counted._refCount = (counted._refCount ?? 0) + (layer instanceof tfl.LayersModel ? 2 : 1);
}
