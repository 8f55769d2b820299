import * as tfc from '@tensorflow/tfjs-core';
import type * as tf from '@tensorflow/tfjs-layers';

import { AutodiffStage } from '../ops/reversible/autodiff_stage';
import type { Stage, StageContext } from '../ops/reversible/stage';
import { survivalMask } from '../ops/stochastic_depth';
import { show } from './arguments';
import { variablesOf } from './composite_layer';

type Layer = tf.layers.Layer;

/** A layer that brings its own hand-differentiated stage. */
export interface StagedLayer extends Layer {
  /**
   * @param trainable whether weight gradients are wanted
   * @param dropRate stochastic depth that the column asks for; the larger of it and the layer's own
   */
  stage(trainable: boolean, dropRate?: number): Stage;
  /** The `call` that the stage stands for; a subclass that overrides it is differentiated as is. */
  readonly stagedCall: Layer['call'];
}

function isStaged(layer: Layer): layer is StagedLayer {
  const staged = layer as Partial<StagedLayer>;
  return typeof staged.stage === 'function' && staged.call === staged.stagedCall;
}

/** What a column asks of a stage. */
export interface StageOptions {
  /**
   * Stochastic depth of a block that does not do it by itself, in [0, 1): a dropped sample passes
   * the block unchanged, a kept one has its residual scaled by `1 / (1 - dropRate)`. Default 0.
   */
  dropRate?: number;
  /** Shape that the stage must give for a first input of a shape. Default: the same shape. */
  shapeFor?: (input: number[]) => number[];
}

/**
 * The stage of a built layer: its own where it has one, else automatic differentiation of its
 * `apply`.
 *
 * @param trainable false when an enclosing layer is frozen
 */
export function stageOf(
  layer: Layer,
  trainable: boolean,
  { dropRate = 0, shapeFor = (input) => input }: StageOptions = {},
): Stage {
  const wanted = trainable && layer.trainable;
  if (isStaged(layer)) return layer.stage(wanted, dropRate);
  return new AutodiffStage(
    layer.name,
    (inputs, context) => {
      const output = run(layer, inputs, context);
      checkShape(layer, output, shapeFor((inputs[0] as tfc.Tensor).shape));
      return residualDropped(inputs, output, dropRate, context);
    },
    wanted ? variablesOf(layer.trainableWeights) : [],
    variablesOf(layer.nonTrainableWeights),
  );
}

function run(layer: Layer, inputs: tfc.Tensor[], context: StageContext): tfc.Tensor {
  const kwargs: Record<string, unknown> = { training: context.training };
  if (context.mask) kwargs.mask = context.mask;
  const result = layer.apply(inputs.length === 1 ? (inputs[0] as tfc.Tensor) : inputs, kwargs);
  const outputs = (Array.isArray(result) ? result : [result]) as tfc.Tensor[];
  if (outputs.length !== 1) {
    throw new Error(`${layer.name}: gives ${outputs.length} tensors; a block or fusion gives one`);
  }
  return outputs[0] as tfc.Tensor;
}

/** What `computeOutputShape` promised may not hold, or was not known when the layer was built. */
function checkShape(layer: Layer, output: tfc.Tensor, expected: number[]): void {
  if (tfc.util.arraysEqual(output.shape, expected)) return;
  throw new Error(
    `${layer.getClassName()} ${layer.name} gives ${show(output.shape)}; expected ${show(expected)}. ` +
      `A block or fusion must give the shape of its level`,
  );
}

function residualDropped(
  inputs: tfc.Tensor[],
  output: tfc.Tensor,
  rate: number,
  context: StageContext,
): tfc.Tensor {
  const mask = context.training ? survivalMask(output.shape, rate, context.seed) : null;
  if (!mask) return output;
  const x = inputs[0] as tfc.Tensor;
  return tfc.add(x, tfc.mul(tfc.sub(output, x), mask));
}
