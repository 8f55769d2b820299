/** The ConvNeXt block, of which the levels of a RevCol over images are made. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireRate } from '../../common/arguments';
import { ConvNextFunction } from '../../ops/blocks/convnext';
import type { ConvNextWeights } from '../../ops/blocks/convnext_weights';
import { drawSeed } from '../../ops/engine/random';
import type { LevelFunction } from '../../ops/reversible/level_function';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, variablesOf } from '../base/composite_layer';
import { IMAGE } from '../base/input_axes';
import type { DifferentiatedLayer } from '../base/level_function_of';
import type { ProjectingLayer } from '../base/projections';
import { blockSpecs, EXPANSION, LAYER_SCALE_INIT } from '../base/weight_specs';

const OWNER = 'ConvNextBlock';

/** Arguments of `ConvNextBlock`. */
export type ConvNextBlockArgs = LayerArgs & {
  /** Side of the depthwise kernel, in pixels. Default 3. */
  kernelSize?: number;
  /** Hidden width over the number of channels. Default 4. */
  expansion?: number;
  /** Stochastic depth: probability that a sample skips the block in training. Default 0. */
  dropRate?: number;
  /** Initial layer scale. Default 1e-6. */
  layerScaleInit?: number;
};

/**
 * ConvNeXt block (Liu et al. 2022, arXiv 2201.03545), the block of every RevCol level: depthwise
 * convolution, LayerNorm, linear, exact GELU, linear, layer scale, stochastic depth, plus the input.
 *
 * Input and output: `[batch, height, width, channels]`, float32.
 *
 * @throws {Error} when kernelSize or expansion is no whole number from 1, when dropRate is outside [0, 1),
 *   or when the input is not of rank 4 with a known number of channels
 */
export class ConvNextBlock extends CompositeLayer implements DifferentiatedLayer, ProjectingLayer {
  static className = 'ConvNextBlock';
  static override readonly optionNames: object = {
    kernelSize: true,
    expansion: true,
    dropRate: true,
    layerScaleInit: true,
  } satisfies LayerOptionNames<ConvNextBlockArgs>;

  readonly projections = { expand: 'pointwise', project: 'pointwise' } as const;
  private readonly kernelSize: number;
  private readonly expansion: number;
  private readonly dropRate: number;
  private readonly layerScaleInit: number;

  constructor(args: ConvNextBlockArgs = {}) {
    super(args);
    const advice = '. For other inputs give the backbone a block of your own';
    this.takes({ axes: [IMAGE], advice });
    this.kernelSize = args.kernelSize ?? 3;
    this.expansion = args.expansion ?? EXPANSION;
    this.dropRate = args.dropRate ?? 0;
    this.layerScaleInit = args.layerScaleInit ?? LAYER_SCALE_INIT;
    requireInteger(OWNER, 'kernelSize', this.kernelSize, 1);
    requireInteger(OWNER, 'expansion', this.expansion, 1);
    requireRate(OWNER, 'dropRate', this.dropRate);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape)[0][3] as number;
    const specs = blockSpecs(channels, this.kernelSize, this.expansion, this.layerScaleInit);
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  get differentiatedCall(): tfl.layers.Layer['call'] {
    return ConvNextBlock.prototype.call;
  }

  levelFunction(trainable: boolean, dropRate = 0): LevelFunction {
    const [
      depthwiseKernel,
      depthwiseBias,
      gamma,
      beta,
      expandKernel,
      expandBias,
      projectKernel,
      projectBias,
      layerScale,
    ] = variablesOf(this._trainableWeights);
    const weights = {
      depthwiseKernel,
      depthwiseBias,
      gamma,
      beta,
      expandKernel,
      expandBias,
      projectKernel,
      projectBias,
      layerScale,
    } as ConvNextWeights<tf.Variable>;
    return new ConvNextFunction(weights, Math.max(dropRate, this.dropRate), trainable);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const context = { training: kwargs.training ?? false, seed: drawSeed() };
    return tf.tidy(() => this.levelFunction(this.trainable).forward([x], context));
  }

  override getConfig() {
    const { kernelSize, expansion, dropRate, layerScaleInit } = this;
    return { ...super.getConfig(), kernelSize, expansion, dropRate, layerScaleInit };
  }
}
