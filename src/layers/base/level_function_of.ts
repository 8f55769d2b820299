/** What the reversible walk sees of a layer: its own hand-written gradient, or tfjs's. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { notingReads } from '../../ops/engine/engine';
import { isFactor } from '../../ops/low_rank';
import { AutodiffFunction } from '../../ops/reversible/autodiff_function';
import type { LevelContext, LevelFunction } from '../../ops/reversible/level_function';
import { survivalMask } from '../../ops/stochastic_depth';
import { checkedFunction } from './checked_function';
import { variablesOf } from './composite_layer';
import { type PartTree, partTree } from './frozen_parts';
import { oneOrAll, toTensors } from './inputs';
import { isOwn, kindOf } from './own_classes';

type Layer = tfl.layers.Layer;

/** A layer that brings its own hand-differentiated function. */
export interface DifferentiatedLayer extends Layer {
  /**
   * @param trainable whether weight gradients are wanted
   * @param dropRate stochastic depth that the column asks for; the larger of it and the layer's own
   */
  levelFunction(trainable: boolean, dropRate?: number): LevelFunction;
  /** The `call` that the function stands for; a subclass that overrides it is differentiated as is. */
  readonly differentiatedCall: Layer['call'];
  /** See `isCausal`. */
  readonly isCausal?: boolean;
}

/**
 * Whether a layer says of itself, by a field `isCausal`, that no token of its output depends on a
 * later one of its input, so that tokens may be given one after another with a cache.
 */
export function isCausal(layer: Layer): boolean {
  return (layer as { isCausal?: unknown }).isCausal === true;
}

function isDifferentiated(layer: Layer): layer is DifferentiatedLayer {
  const candidate = layer as Partial<DifferentiatedLayer>;
  return (
    typeof candidate.levelFunction === 'function' && candidate.call === candidate.differentiatedCall
  );
}

/** What a column asks of a function. */
export interface LevelFunctionOptions {
  /**
   * Whether the layer may read no trainable variables but its own weights, because no others would
   * get a gradient. Default false.
   */
  listed?: boolean;
  /**
   * Stochastic depth of a block that does not do it by itself, in [0, 1): a dropped sample passes
   * the block unchanged, a kept one has its residual scaled by `1 / (1 - dropRate)`. Default 0.
   */
  dropRate?: number;
  /** Shape that the function must give for a first input of a shape. Default: the same shape. */
  shapeFor?: (input: number[]) => number[];
}

/**
 * The function of a built layer: its own where it has one, else automatic differentiation of its
 * `apply`.
 *
 * @param trainable false when an enclosing layer is frozen
 */
export function levelFunctionOf(
  layer: Layer,
  trainable: boolean,
  { dropRate = 0, shapeFor = (input) => input, listed = false }: LevelFunctionOptions = {},
): LevelFunction {
  const trained = trainable && layer.trainable ? layer.trainableWeights : [];
  if (isDifferentiated(layer)) {
    // Changes of kernels are trained by themselves: with them alone the layer's own weights are frozen.
    const own = trained.some((weight) => !isFactor(weight['val']));
    const fn = layer.levelFunction(own, dropRate);
    return isOwn(layer) ? fn : checkedFunction(layer, fn, trained);
  }
  const weights = variablesOf(trained);
  const state = variablesOf(layer.nonTrainableWeights);
  const known = trainable && layer.trainable && listed ? new Set([...weights, ...state]) : null;
  return new AutodiffFunction(
    layer.name,
    (inputs, context) => {
      if (listed && context.training) refuseStateful(layer);
      const output = readingOnly(known, layer, () => run(layer, inputs, context));
      checkShape(layer, output, shapeFor((inputs[0] as tf.Tensor).shape));
      return residualDropped(inputs, output, dropRate, context);
    },
    weights,
    state,
  );
}

const stateful = new WeakMap<Layer, boolean>();

/** @throws {Error} when a layer, or one in it, keeps tensors from one call to the next, as stateful RNNs do */
function refuseStateful(layer: Layer): void {
  const keeps = ({ layer: part, parts }: PartTree): boolean => part.stateful || parts.some(keeps);
  const known = stateful.get(layer) ?? keeps(partTree(layer));
  stateful.set(layer, known);
  if (!known) return;
  throw new Error(
    `${kindOf(layer)} ${layer.name} is stateful: it keeps its state in tensors, where the backward pass ` +
      `cannot put back what it was. Give it stateful: false, or the columns backprop: 'stored'`,
  );
}

/** Whether `levelFunctionOf` differentiates a layer by tfjs, for want of a function of its own. */
export function runsByAutodiff(layer: Layer): boolean {
  return !isDifferentiated(layer);
}

/**
 * Runs a layer and looks at which trainable variables it reads.
 *
 * @param known those that the gradient is given for; null: any will do
 * @throws {Error} when it reads others, which would not be trained
 */
function readingOnly(
  known: ReadonlySet<tf.Variable> | null,
  layer: Layer,
  fn: () => tf.Tensor,
): tf.Tensor {
  if (!known) return fn();
  const others = new Set<string>();
  const output = notingReads(fn, (v) => {
    if (v.trainable && !known.has(v)) others.add(v.name);
  });
  if (others.size === 0) return output;
  throw new Error(
    `${kindOf(layer)} ${layer.name} computes with variables that are not among its weights: ` +
      `${[...others].join(', ')}. With backprop 'reversible' they would never be trained, nor are ` +
      `they saved. tfjs does not find the weights of a layer within a layer: let trainableWeights ` +
      `and nonTrainableWeights of ${kindOf(layer)} list them, or set trainable = false on what is ` +
      `not to be trained`,
  );
}

function run(layer: Layer, inputs: tf.Tensor[], context: LevelContext): tf.Tensor {
  const kwargs: Record<string, unknown> = { training: context.training };
  if (context.mask) kwargs.mask = context.mask;
  const result = layer.apply(oneOrAll(inputs), kwargs);
  const outputs = toTensors(result as tf.Tensor | tf.Tensor[]);
  if (outputs.length !== 1) {
    throw new Error(
      `${kindOf(layer)} ${layer.name} gives ${outputs.length} tensors; a block or fusion gives one`,
    );
  }
  return outputs[0] as tf.Tensor;
}

/** What `computeOutputShape` promised may not hold, or was not known when the layer was built. */
function checkShape(layer: Layer, output: tf.Tensor, expected: number[]): void {
  if (tf.util.arraysEqual(output.shape, expected)) return;
  throw new Error(
    `${kindOf(layer)} ${layer.name} gives ${show(output.shape)}; expected ${show(expected)}. ` +
      `A block or fusion must give the shape of its level`,
  );
}

function residualDropped(
  inputs: tf.Tensor[],
  output: tf.Tensor,
  rate: number,
  context: LevelContext,
): tf.Tensor {
  const mask = context.training ? survivalMask(output.shape, rate, context.seed) : null;
  if (!mask) return output;
  const x = inputs[0] as tf.Tensor;
  return tf.add(x, tf.mul(tf.sub(output, x), mask));
}
