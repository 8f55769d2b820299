/** Which parts of a model are trained in each phase, and putting everything back. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { adaptersOf, treeOf } from '../../adapters/adapter_set';
import { type AdapterOptions, addAdapters, removeAdapters } from '../../adapters/add_adapters';
import { mergeAdapters } from '../../adapters/merge_adapters';
import type { PartTree } from '../../layers/base/frozen_parts';
import { projectionsIn } from '../../layers/base/projections';
import { freezeBut, setTrainedState, trainedState } from '../../layers/base/trained_state';
import { withSeededRandom } from '../../ops/engine/random';
import type { TrainedParts } from '../base/defaults';

type Layer = tfl.layers.Layer;

/** Class with the batch normalisations of segmentation heads; by name, as classifiers do without its code. */
const CONV_MODULE = 'RevColConvModule';

/** Switches what is trained, and takes everything back. */
export class PartsSwitch {
  private readonly tree: PartTree;
  private readonly before;
  /** Whether the adapters that are on have been put on here. */
  private ownAdapters = false;
  private undoNorms: () => void = () => undefined;

  /** @param head layers that are trained in every phase */
  constructor(
    private readonly model: tfl.LayersModel,
    private readonly head: readonly Layer[],
  ) {
    this.tree = treeOf(model);
    this.before = trainedState(this.tree);
  }

  /**
   * Trains some parts from now on. What a caller has frozen stays frozen, but for the head.
   *
   * @param adapters of the adapters, where the model has none
   * @param seed of the adapters
   */
  train(parts: TrainedParts, adapters: AdapterOptions | undefined, seed: number): void {
    this.undoNorms();
    if (parts === 'head') {
      freezeBut(this.tree, new Set(this.head));
    } else if (parts === 'all') {
      setTrainedState(this.before);
    } else if (!adaptersOf(this.model)) {
      withSeededRandom(seed, () => addAdapters(this.model, this.adapterOptions(adapters)));
      this.ownAdapters = true;
    }
    for (const layer of this.head) layer.trainable = true;
    this.undoNorms = inferringFrozenNorms(this.tree);
  }

  /** With a rank where none is given: eight, or the smallest side of a kernel in a small network. */
  adapterOptions(given: AdapterOptions = {}): AdapterOptions {
    const sides = projectionsIn(this.tree).map(({ inputs, outputs }) => Math.min(inputs, outputs));
    return { ...given, rank: given.rank ?? Math.min(8, ...sides) };
  }

  /** All weights that are trained or may move now: those that are trained, and moving statistics. */
  get changing(): tfl.LayerVariable[] {
    const frozen = new Set(layersIn(this.tree).flatMap((layer) => layer['_trainableWeights']));
    for (const weight of this.model.trainableWeights) frozen.delete(weight);
    return [...new Set(this.model.weights)].filter((weight) => !frozen.has(weight));
  }

  /** Ends training: adapters that were put on here are merged, and can be unmerged; flags are as before. */
  finish(): void {
    this.undoNorms();
    if (this.ownAdapters) mergeAdapters(this.model);
    else setTrainedState(this.before);
  }

  /** Takes everything back: adapters that were put on here are gone. */
  undo(): void {
    this.undoNorms();
    if (this.ownAdapters) removeAdapters(this.model);
    setTrainedState(this.before);
  }
}

/**
 * How many pictures a step needs: two where batch normalisations of segmentation heads are trained, which go by the
 * statistics of the step, and of a grid of one pixel a single picture has none; else one.
 *
 * @param head layers that are trained in every phase
 */
export function leastPictures(
  model: tfl.LayersModel,
  head: readonly Layer[],
  train: TrainedParts,
): 1 | 2 {
  const norms = ({ layer, parts }: PartTree): boolean =>
    layer.getClassName() === CONV_MODULE || parts.some(norms);
  const trained = treeOf(model).parts.filter(
    ({ layer }) => head.includes(layer) || (train === 'all' && layer.trainableWeights.length > 0),
  );
  return trained.some(norms) ? 2 : 1;
}

function layersIn({ layer, parts }: PartTree): Layer[] {
  return [layer, ...parts.flatMap(layersIn)];
}

/**
 * Lets batch normalisation that is frozen use its moving statistics and leave them alone, as Keras does:
 * tfjs would go on moving them. Returns what undoes that.
 */
function inferringFrozenNorms(tree: PartTree): () => void {
  const norms = layersIn(tree).filter(
    (layer) =>
      layer.getClassName() === 'BatchNormalization' &&
      layer.trainableWeights.length === 0 &&
      layer['_trainableWeights'].length > 0 &&
      !Object.hasOwn(layer, 'call'),
  );
  for (const layer of norms) {
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
  }
  return () => {
    for (const layer of norms) Reflect.deleteProperty(layer, 'call');
  };
}
