import { tidy, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';

import { ConvNextStage, type ConvNextWeights } from '../ops/convnext_block';
import { drawSeed } from '../ops/random';
import type { Stage } from '../ops/reversible/stage';
import { requireInteger, requireRate, show } from './arguments';
import { CompositeLayer, variablesOf } from './composite_layer';
import type { StagedLayer } from './stage_of';
import { blockSpecs, EXPANSION, LAYER_SCALE_INIT } from './weight_specs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];

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
 * @throws when kernelSize or expansion is no whole number from 1, when dropRate is outside [0, 1),
 *   or when the input is not of rank 4 with a known number of channels
 */
export class ConvNextBlock extends CompositeLayer implements StagedLayer {
  static className = 'ConvNextBlock';

  private readonly kernelSize: number;
  private readonly expansion: number;
  private readonly dropRate: number;
  private readonly layerScaleInit: number;

  constructor(args: ConvNextBlockArgs = {}) {
    super(args);
    this.kernelSize = args.kernelSize ?? 3;
    this.expansion = args.expansion ?? EXPANSION;
    this.dropRate = args.dropRate ?? 0;
    this.layerScaleInit = args.layerScaleInit ?? LAYER_SCALE_INIT;
    requireInteger('ConvNextBlock', 'kernelSize', this.kernelSize, 1);
    requireInteger('ConvNextBlock', 'expansion', this.expansion, 1);
    requireRate('ConvNextBlock', 'dropRate', this.dropRate);
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = inputShape as tf.Shape;
    const channels = shape[3];
    if (shape.length !== 4 || channels == null) {
      throw new Error(
        `ConvNextBlock: input shape ${show(shape)}; expected [batch, height, width, channels] ` +
          `with known channels. For other inputs give the backbone a block of your own`,
      );
    }
    this.addSpecs(blockSpecs(channels, this.kernelSize, this.expansion, this.layerScaleInit));
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return inputShape;
  }

  get stagedCall(): tf.layers.Layer['call'] {
    return ConvNextBlock.prototype.call;
  }

  stage(trainable: boolean, dropRate = 0): Stage {
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
    } as ConvNextWeights<Variable>;
    return new ConvNextStage(weights, Math.max(dropRate, this.dropRate), trainable);
  }

  override call(inputs: Tensor | Tensor[], kwargs: { training?: boolean }): Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
    const context = { training: kwargs.training ?? false, seed: drawSeed() };
    return tidy(() => this.stage(this.trainable).forward([x], context));
  }

  override getConfig() {
    const { kernelSize, expansion, dropRate, layerScaleInit } = this;
    return { ...super.getConfig(), kernelSize, expansion, dropRate, layerScaleInit };
  }
}
