/** Where numbers stop being finite: in which layer of a model, and whether its weights are why. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { type PartTree, partTree } from '../../layers/base/frozen_parts';
import { RevColBackbone, type RevColBackboneArgs } from '../../layers/columns/rev_col_backbone';
import { readTensor } from '../../ops/engine/lost_backend';
import { withSeededRandom } from '../../ops/engine/random';

type Layer = tfl.layers.Layer;

/** What was found. */
export interface NonFinite {
  /** Path of the first layer whose output was not finite; null where all of them were. */
  readonly layer: string | null;
  /** Names of its weights, or of the input, that were not finite themselves. */
  readonly sources: readonly string[];
}

/** A layer's path, and whether what it gave was finite. */
interface Seen {
  readonly path: string;
  readonly layer: Layer;
  readonly isFinite: tf.Tensor;
}

/** Whether all of the values are finite, a scalar. */
function allFinite(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tf.tidy(() =>
    tf.all(tf.stack(tensors.map((x) => tf.all(tf.isFinite(tf.cast(x, 'float32')))))),
  );
}

const isTrue = async (flag: tf.Tensor) => Boolean((await readTensor(flag))[0]);

/** Whether all weights are finite. Waits for the device. */
export async function areFinite(weights: readonly tfl.LayerVariable[]): Promise<boolean> {
  if (weights.length === 0) return true;
  const flag = allFinite(weights.map((weight) => weight.read()));
  try {
    return await isTrue(flag);
  } finally {
    flag.dispose();
  }
}

/**
 * Runs a forward pass in training mode and looks at what every layer gives, in the order in which they
 * run; of a RevCol backbone, at each column.
 *
 * @param inputs a batch; it stays the caller's
 * @param seed of what the pass draws
 */
export async function findNonFinite(
  model: tfl.LayersModel,
  inputs: tf.Tensor,
  seed: number,
): Promise<NonFinite> {
  const inputFlag = allFinite([inputs]);
  try {
    if (!(await isTrue(inputFlag))) return { layer: null, sources: ['the input'] };
  } finally {
    inputFlag.dispose();
  }
  const seen: Seen[] = [];
  let found: Seen | undefined;
  const tree = partTree(model);
  try {
    tf.tidy(() => {
      const undo = watchLayers(tree, seen);
      try {
        withSeededRandom(seed, () => model.apply(inputs, { training: true }));
      } catch {
        // A backbone refuses alphas that are no numbers; the weights tell then.
      } finally {
        undo();
      }
    });
    for (const one of seen) {
      if (await isTrue(one.isFinite)) continue;
      found = one;
      break;
    }
  } finally {
    tf.dispose(seen.map(({ isFinite }) => isFinite));
  }
  if (!found) return firstWeights(tree);
  return { layer: found.path, sources: await namesOfNonFinite(found.layer.weights) };
}

async function namesOfNonFinite(weights: readonly tfl.LayerVariable[]): Promise<string[]> {
  const names: string[] = [];
  for (const weight of weights) {
    if (!(await areFinite([weight]))) names.push(weight.originalName);
  }
  return names;
}

/** The first part of a model whose weights are not finite. */
export async function findNonFiniteWeights(model: tfl.LayersModel): Promise<NonFinite> {
  return firstWeights(partTree(model));
}

async function firstWeights({ path, parts, weights }: PartTree): Promise<NonFinite> {
  for (const part of parts) {
    const below = await firstWeights(part);
    if (below.layer !== null) return below;
  }
  const sources = await namesOfNonFinite(weights.map(({ weight }) => weight));
  return { layer: sources.length > 0 ? path : null, sources };
}

/** Notes what layers give when they are called; returns what undoes that. */
function watchLayers(tree: PartTree, seen: Seen[]): () => void {
  const watched: Layer[] = [];
  const watch = ({ layer, path, parts }: PartTree) => {
    // Other layers may do without calling the layers in them.
    if (layer instanceof tfl.LayersModel) parts.forEach(watch);
    // The model itself: its last layer tells.
    if (path === '' || Object.hasOwn(layer, 'call')) return;
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      const outputs = call(inputs, kwargs);
      if (layer instanceof RevColBackbone) watchColumns(layer, inputs, path, seen);
      seen.push({ path, layer, isFinite: tf.keep(allFinite([outputs].flat())) });
      return outputs;
    };
    watched.push(layer);
  };
  watch(tree);
  return () => {
    for (const layer of watched) Reflect.deleteProperty(layer, 'call');
  };
}

/** Notes what each column of a backbone gives: a copy of it computes them once more, one by one. */
function watchColumns(
  backbone: RevColBackbone,
  inputs: tf.Tensor | tf.Tensor[],
  path: string,
  seen: Seen[],
): void {
  let copy: RevColBackbone | undefined;
  try {
    const config = backbone.getConfig() as RevColBackboneArgs;
    copy = new RevColBackbone({ ...config, output: 'columns', levels: undefined });
    copy.build(([inputs].flat()[0] as tf.Tensor).shape);
    copy.setWeights(backbone.getWeights());
    const columns = [copy.apply(inputs, { training: true }) as tf.Tensor | tf.Tensor[]].flat();
    columns.forEach((column, i) => {
      const layer = backbone.columnLayers[i] as Layer;
      seen.push({ path: `${path}/column-${i}`, layer, isFinite: tf.keep(allFinite([column])) });
    });
  } catch {
    // One with adapters has no copy; it is named as a whole then.
  } finally {
    for (const weight of copy?.weights ?? []) weight.dispose();
  }
}
