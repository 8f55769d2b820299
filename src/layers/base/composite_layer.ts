import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { freezePaths, frozenPaths, type LayerWithParts } from './frozen_parts';
import { withNameScope } from './name_scope';
import type { WeightSpec } from './weight_specs';

type Layer = tfl.layers.Layer;

/** Arguments of layers that hold layers. */
export type CompositeArgs = ConstructorParameters<typeof tfl.layers.Layer>[0] & {
  /**
   * Parts that are not trained, by path: `'stem'`, `'column-0'`, `'column-2/level-0/block-1'`. A saved
   * model holds what was frozen by setting `trainable` here as well. Default: none.
   */
  frozen?: string[];
};

/**
 * A layer with weights from specs and with sublayers. tfjs does not look for the weights of
 * sublayers (tfjs issue 8253), so everything that concerns weights is passed on here, in the way of
 * its `Bidirectional` wrapper.
 */
export abstract class CompositeLayer extends tfl.layers.Layer implements LayerWithParts {
  /** In the order in which their weights are listed. Set once, in `build`. */
  protected sublayers: Layer[] = [];
  private sublayerPaths: string[] = [];
  private fastInit = false;
  private readonly frozen: readonly string[];

  constructor(args: CompositeArgs = {}) {
    super(args);
    this.frozen = args.frozen ?? [];
  }

  /** The layers in it, with the paths that their weights' names have. Once built. */
  get namedSublayers(): (readonly [path: string, layer: Layer])[] {
    return this.sublayers.map((layer, i) => [this.sublayerPaths[i] as string, layer]);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const frozen = this.built ? frozenPaths(this) : [...this.frozen];
    // A layer that is frozen as a whole says so by itself.
    return { ...super.getConfig(), ...(frozen.length > 0 && this.trainable ? { frozen } : {}) };
  }

  override get trainable(): boolean {
    return this.trainable_;
  }

  override set trainable(value: boolean) {
    super.trainable = value;
    // The base constructor assigns before fields exist.
    for (const layer of (this.sublayers as Layer[] | undefined) ?? []) layer.trainable = value;
  }

  override get trainableWeights(): tfl.LayerVariable[] {
    if (!this.trainable) return [];
    return [...super.trainableWeights, ...this.sublayers.flatMap((s) => s.trainableWeights)];
  }

  override set trainableWeights(weights: tfl.LayerVariable[]) {
    super.trainableWeights = weights;
  }

  override get nonTrainableWeights(): tfl.LayerVariable[] {
    const below = this.trainable
      ? this.sublayers.flatMap((s) => s.nonTrainableWeights)
      : this.sublayers.flatMap((s) => s.weights);
    return [...super.nonTrainableWeights, ...below];
  }

  override set nonTrainableWeights(weights: tfl.LayerVariable[]) {
    super.nonTrainableWeights = weights;
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
   * Runs the body of `build`; when it throws, frees the weights made so far and forgets them, so
   * that the layer can still be applied to another input.
   */
  protected buildOrUndo(body: () => void): void {
    try {
      body();
      freezePaths(this.getClassName(), this, this.frozen);
    } catch (error) {
      for (const weight of new Set(this.weights)) weight.dispose();
      this.sublayers = [];
      this.sublayerPaths = [];
      this.trainableWeights = [];
      this.nonTrainableWeights = [];
      throw error;
    }
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
    return specs.map(({ name, shape, init }) =>
      this.addWeight(
        name,
        shape,
        'float32',
        init === 'truncatedNormal'
          ? tfl.initializers.truncatedNormal({ stddev })
          : tfl.initializers.constant({ value: init }),
        undefined,
        trainable,
      ),
    );
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
    withNameScope(path, () => {
      if (!layer.built) layer.build(inputShape);
      layer.built = true;
    });
    return layer;
  }
}

/** The variables behind layer weights, for the ops. */
export function variablesOf(weights: readonly tfl.LayerVariable[]): tf.Variable[] {
  return weights.map((w) => w.read() as tf.Variable);
}

/** Four variables, of a projection and a LayerNorm, where so many are known to be. */
export type FourVariables = [tf.Variable, tf.Variable, tf.Variable, tf.Variable];

/**
 * Gives every weight of a user's layer the name `scope/path/...`, where its own name does not say so
 * already: nested models name their weights when they are made, the same in every copy.
 *
 * @param scope scoped name of the layer that holds it
 */
export function renameBelow(
  scope: string,
  path: string,
  weights: readonly tfl.LayerVariable[],
): void {
  const seen = new Set<string>();
  for (const weight of weights) {
    const enclosing = [`${scope}/${path}/`, `${scope}/`].find((prefix) =>
      weight.originalName.startsWith(prefix),
    );
    const local = weight.originalName.slice(enclosing?.length ?? 0);
    let name = `${scope}/${path}/${local}`;
    for (let i = 1; seen.has(name); i++) name = `${scope}/${path}/${local}_${i}`;
    seen.add(name);
    (weight as { originalName: string }).originalName = name;
  }
}
