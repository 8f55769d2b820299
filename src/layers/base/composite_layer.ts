/** The base of all layers: weights from specs, sublayers, and what of them is trained. */
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { CheckedLayer, type LayerArgs } from './checked_layer';
import { requireOwnSymbols } from './copies';
import { withInitialValues } from './deferred_values';
import {
  applyPaths,
  changedPaths,
  type LayerWithParts,
  normalPaths,
  type PartTree,
  partTree,
} from './frozen_parts';
import { withNameScope } from './name_scope';
import { kindOf } from './own_classes';
import { outputsAsked, runOnce } from './run_once';
import { onModelTrainable, onTrainable } from './trainable_switch';
import { truncatedNormal } from './truncated_normal';
import type { WeightSpec } from './weight_specs';

type Layer = tfl.layers.Layer;
type Kwargs = Parameters<Layer['apply']>[1];

/**
 * A layer with weights from specs and with sublayers. tfjs does not look for the weights of
 * sublayers (tfjs issue 8253), so everything that concerns weights is passed on here, in the way of
 * its `Bidirectional` wrapper.
 *
 * Whether a variable's own flag `trainable` is set always follows from the layers that it is in, and
 * from the model: `optimizer.minimize` goes by those flags alone.
 */
export abstract class CompositeLayer extends CheckedLayer implements LayerWithParts {
  /** In the order in which their weights are listed. Set once, in `build`. */
  protected sublayers: Layer[] = [];
  private sublayerPaths: string[] = [];
  private readonly specNames = new Map<tfl.LayerVariable, string>();
  private fastInit = false;
  private readonly frozen: readonly string[];
  private readonly unfrozen: readonly string[];
  /** What was trained when the layer had just been built. */
  private asBuilt: PartTree | null = null;
  /** Whether the model that this layer is in is trained. */
  private modelTrainable = true;
  private enclosing: CompositeLayer | null = null;

  constructor(args: LayerArgs = {}) {
    super(args);
    for (const option of ['frozen', 'unfrozen'] as const) {
      const given: unknown = args[option] ?? [];
      if (Array.isArray(given) && given.every((path) => typeof path === 'string')) continue;
      throw new Error(
        `${kindOf(this)}: ${option} is ${JSON.stringify(given)}; expected a list of paths, such as ` +
          `['stem', 'column-0']`,
      );
    }
    this.frozen = args.frozen ?? [];
    this.unfrozen = args.unfrozen ?? [];
    this.listenToModel();
  }

  private listenToModel(): void {
    onModelTrainable(this._trainableWeights, (trainable) => {
      this.modelTrainable = trainable;
      this.setVariableFlags();
    });
  }

  override apply(
    inputs: tfl.SymbolicTensor | tfl.SymbolicTensor[],
    kwargs?: Kwargs,
  ): tfl.SymbolicTensor | tfl.SymbolicTensor[];
  override apply(inputs: tf.Tensor | tf.Tensor[], kwargs?: Kwargs): tf.Tensor | tf.Tensor[];
  override apply(...[inputs, kwargs]: Parameters<Layer['apply']>): ReturnType<Layer['apply']>;
  override apply(...[inputs, kwargs]: Parameters<Layer['apply']>): ReturnType<Layer['apply']> {
    requireOwnSymbols(kindOf(this), inputs);
    return runOnce(this, inputs, kwargs?.['training'] === true, () => super.apply(inputs, kwargs));
  }

  override get output(): tfl.SymbolicTensor | tfl.SymbolicTensor[] {
    outputsAsked(this);
    return super.output;
  }

  override getOutputAt(index: number): tfl.SymbolicTensor | tfl.SymbolicTensor[] {
    outputsAsked(this);
    return super.getOutputAt(index);
  }

  /** The layers in it, with the paths that their weights' names have. Once built. */
  get namedSublayers(): (readonly [path: string, layer: Layer])[] {
    return this.sublayers.map((layer, i) => [this.sublayerPaths[i] as string, layer]);
  }

  /** The weights that belong to no sublayer, with their names within this layer. Once built. */
  get namedWeights(): (readonly [name: string, weight: tfl.LayerVariable])[] {
    return [...this.specNames].map(([weight, name]) => [name, weight]);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const config = { ...super.getConfig(), trainable: this.isTrained };
    const { frozen, unfrozen } = this.asBuilt
      ? changedPaths(this.asBuilt)
      : { frozen: normalPaths(this.frozen), unfrozen: normalPaths(this.unfrozen) };
    // A layer that is frozen as a whole says so by itself.
    if (!this.isTrained) return config;
    return {
      ...config,
      ...(frozen.length > 0 ? { frozen } : {}),
      ...(unfrozen.length > 0 ? { unfrozen } : {}),
    };
  }

  /** Whether neither this layer nor the model that it is in is frozen. */
  protected get isTrained(): boolean {
    return this.trainable_ && this.modelTrainable;
  }

  /** Whether no layer around this one is frozen either. */
  protected get isTrainedWithin(): boolean {
    return this.isTrained && (this.enclosing?.isTrainedWithin ?? true);
  }

  override get trainable(): boolean {
    return this.trainable_;
  }

  override set trainable(value: boolean) {
    this.trainable_ = value;
    for (const weight of [...this._trainableWeights]) weight.trainable = value;
    // The base constructor assigns before fields exist.
    for (const layer of (this.sublayers as Layer[] | undefined) ?? []) layer.trainable = value;
    this.setVariableFlags();
  }

  /** Makes the variables' own flags say which of them are trained. */
  setVariableFlags(): void {
    const trained = new Set(this.isTrainedWithin ? this.trainableWeights : []);
    for (const weight of this.weights) weight['val'].trainable = trained.has(weight);
  }

  override get trainableWeights(): tfl.LayerVariable[] {
    if (!this.isTrained) return [];
    return [
      ...this._trainableWeights.filter((w) => w.trainable),
      ...this.sublayers.flatMap((s) => s.trainableWeights),
    ];
  }

  override set trainableWeights(weights: tfl.LayerVariable[]) {
    super.trainableWeights = weights;
    this.listenToModel();
  }

  override get nonTrainableWeights(): tfl.LayerVariable[] {
    const { isTrained } = this;
    // What the base class does not count because it does not know of the model.
    const held = this.trainable_ && !isTrained ? this._trainableWeights : [];
    return [
      ...held.filter((w) => w.trainable),
      ...super.nonTrainableWeights,
      ...this.sublayers.flatMap((s) => (isTrained ? s.nonTrainableWeights : s.weights)),
    ];
  }

  override set nonTrainableWeights(weights: tfl.LayerVariable[]) {
    super.nonTrainableWeights = weights;
  }

  /** @throws {Error} when there are not as many tensors as weights, or shapes differ */
  override setWeights(weights: tf.Tensor[]): void {
    const { length } = this.weights;
    // tfjs's own message would hold the values of all of them, read synchronously.
    if (weights.length !== length) {
      throw new Error(
        `${kindOf(this)}: ${this.name} was given ${weights.length} weights; expected ${length}, in the ` +
          `order of getWeights`,
      );
    }
    super.setWeights(weights);
  }

  override calculateLosses(): ReturnType<Layer['calculateLosses']> {
    return [...super.calculateLosses(), ...this.sublayers.flatMap((s) => s.calculateLosses())];
  }

  override setFastWeightInitDuringBuild(value: boolean): void {
    super.setFastWeightInitDuringBuild(value);
    this.fastInit = value;
    for (const layer of this.sublayers) layer.setFastWeightInitDuringBuild(value);
  }

  /**
   * Runs the body of `build` and takes care of everything around it. When it throws, frees the
   * weights made so far and forgets them, so that the layer can still be applied to another input.
   *
   * @param inputShape what the layer is built for
   */
  protected buildOrUndo(inputShape: tfl.Shape | tfl.Shape[], body: () => void): void {
    const { trainable } = this;
    try {
      body();
      this.asBuilt = partTree(this);
      const { frozen, unfrozen } = this;
      applyPaths(kindOf(this), this.asBuilt, { frozen, unfrozen });
    } catch (error) {
      for (const weight of new Set(this.weights)) weight.dispose();
      this.sublayers = [];
      this.sublayerPaths = [];
      this.trainableWeights = [];
      this.nonTrainableWeights = [];
      (this as unknown as { _addedWeightNames: string[] })._addedWeightNames = [];
      this.specNames.clear();
      this.asBuilt = null;
      throw error;
    }
    if (trainable) this.setVariableFlags();
    else this.trainable = false;
    this.settleInputs(inputShape);
    this.built = true;
  }

  /**
   * Adds one weight per spec.
   *
   * @param stddev deviation of the truncated normals
   */
  protected addSpecs(
    specs: readonly WeightSpec[],
    trainable = true,
    stddev = 0.02,
  ): tfl.LayerVariable[] {
    return specs.map(({ name, shape, init }) => {
      const initializer =
        init === 'truncatedNormal'
          ? truncatedNormal(stddev)
          : tfl.initializers.constant({ value: init });
      const weight = withInitialValues(initializer, (initial) =>
        this.addWeight(name, shape, 'float32', initial, undefined, trainable),
      );
      this.specNames.set(weight, name);
      return weight;
    });
  }

  /**
   * Builds `layer` as a sublayer whose weights are named `path/...` below this layer's, and lists
   * it. To be called from `build`.
   */
  protected addSublayer<L extends Layer>(
    layer: L,
    path: string,
    inputShape: tfl.Shape | tfl.Shape[],
  ): L {
    if (this.fastInit) layer.setFastWeightInitDuringBuild(true);
    // Listed first: when its build throws, what it has made by then is freed with all the rest.
    this.sublayers.push(layer);
    this.sublayerPaths.push(path);
    if (layer instanceof CompositeLayer) layer.enclosing = this;
    else onTrainable(layer, () => this.setVariableFlags());
    withNameScope(path, () => {
      if (!layer.built) layer.build(inputShape);
      layer.built = true;
    });
    return layer;
  }
}

/** Whether a layer's weights went with a build that failed. */
export function hasLostWeights(layer: Layer): boolean {
  return layer.weights.some((w) => w['val'].isDisposed);
}

/** The variables behind layer weights, for the ops. */
export function variablesOf(weights: readonly tfl.LayerVariable[]): tf.Variable[] {
  return weights.map((w) => w.read() as tf.Variable);
}

/** Four variables, of a projection and a LayerNorm, where so many are known to be. */
export type FourVariables = [tf.Variable, tf.Variable, tf.Variable, tf.Variable];
