/** What a training step of a model will take, before anything of it is made. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { adaptersOf } from '../adapters/adapter_set';
import { type AdapterOptions, addAdapters } from '../adapters/add_adapters';
import { requireArgument, requireInteger } from '../common/arguments';
import { requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { createModel, type CreateModelOptions } from '../models/create_model';
import type { ModelName } from '../registry/names';
import { distinctVariables } from '../training/model_variables';
import { trainingStep } from '../training/training_step';
import { copyMaker } from './copy_model';
import { optimizerMaker, type PlannedOptimizer } from './optimizers';
import { blank, inSandbox } from './sandbox';
import { findPeak, partsAtPeak, type PeakParts, type StepMarks } from './step_trace';
import { bytesOf } from './step_trace';

/** A model to be made: its name and the options of `createModel`. */
export type PlannedModel = { name: ModelName } & CreateModelOptions;

/** Options of `memoryPlan`. */
export interface MemoryPlanOptions {
  /** An optimizer's name, or a function that makes one. Default `'adamw'`. */
  optimizer?: PlannedOptimizer | (() => tf.Optimizer);
  /** Whether an optimizer given by name updates weights in the backward pass. Default false. */
  fused?: boolean;
  /** Samples in a step. Default 1. */
  batch?: number;
  /** Backend that the step is to run on; need not be there. Default: the current one. */
  backend?: 'cpu' | 'wasm' | 'webgl' | 'webgpu' | 'tensorflow';
  /** Mode of the columns, of a model given by name. */
  backprop?: 'reversible' | 'stored';
  /** Side of square images in pixels, where the model does not fix it. Default: the size's own, or 224. */
  side?: number;
  /** Tokens of a sequence, where the model does not fix it. Default 128. */
  length?: number;
  /** Adapters that the model is to have. Default: none. */
  adapters?: AdapterOptions;
}

const OPTIONS: OptionNames<MemoryPlanOptions> = {
  optimizer: true,
  fused: true,
  batch: true,
  backend: true,
  backprop: true,
  side: true,
  length: true,
  adapters: true,
};

/** What a step takes at its peak, in bytes; the parts add up to `peakBytes`. */
export interface MemoryPlan extends PeakParts {
  backend: string;
  batch: number;
  /** Values in all weights. */
  parameters: number;
  /** Values in the weights that are trained. */
  trainedParameters: number;
  weights: number;
  /** What the optimizer keeps from step to step. */
  moments: number;
  /** What `memoryPeak` will say of a step. */
  peakBytes: number;
}

const OWNER = 'memoryPlan';
const EXPECTED_MODEL =
  "a tf.LayersModel, a name such as 'revcol_tiny', or { name, ...options of createModel }";
const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu', 'tensorflow'];

/**
 * Tells what a training step of a model will take, by part: what `memoryPeak` will measure of a
 * `trainingStep` with a mean of squares as its loss, from the second step on. It runs the step on shapes
 * alone, in an engine of its own: no tensor is made, the backend need not be there, and a network of
 * billions of weights takes a few seconds.
 *
 * - `weights` of the model, adapters included, and `moments` of the optimizer.
 * - `gradients` that live at the peak.
 * - `anchors`: exact features that reversible columns keep; with alphas as they begin.
 * - `activations`: what the forward pass has kept besides, the input included.
 * - `workspace`: what else lives at that moment.
 *
 * The scratch memory of a backend's kernels and what a backend pools are not counted, as in `memoryPeak`.
 *
 * @param model a model, which stays as it is; a name such as `'revcol_large'`; or a name and options of
 *   `createModel`
 * @throws {Error} when the model, the optimizer, the backend or an option is unknown, an option is out of
 *   range, the optimizer cannot be fused or not on the backend, the model has adapters on, or a kernel is
 *   run whose shapes are not known
 */
export function memoryPlan(
  model: tfl.LayersModel | ModelName | PlannedModel,
  options: MemoryPlanOptions = {},
): MemoryPlan {
  requireOptions(OWNER, options, OPTIONS);
  const { batch = 1, backend = tf.getBackend(), optimizer = 'adamw', fused } = options;
  requireInteger(OWNER, 'batch', batch, 1);
  for (const name of ['side', 'length'] as const) {
    if (options[name] != null) requireInteger(OWNER, name, options[name], 1);
  }
  requireOneOf(OWNER, 'backend', backend, BACKENDS);
  const makeOptimizer = optimizerMaker(OWNER, optimizer, fused);
  const make = modelMaker(model, options);
  return inSandbox(backend, () => {
    const planned = make();
    if (options.adapters) addAdapters(planned, options.adapters);
    return { backend, batch, ...planStep(planned, makeOptimizer(), batch, options) };
  });
}

/** What makes the model, in the sandbox. */
function modelMaker(
  model: tfl.LayersModel | ModelName | PlannedModel,
  { backprop, side }: MemoryPlanOptions,
): () => tfl.LayersModel {
  if (model instanceof tfl.LayersModel) {
    if (adaptersOf(model) && !adaptersOf(model)?.merged) {
      throw new Error(
        `${OWNER}: ${model.name} has adapters on; give the model's name or one without, and the option ` +
          `adapters`,
      );
    }
    if (backprop != null) {
      throw new Error(
        `${OWNER}: backprop is given, but ${model.name} has a mode of its own; give a model's name and ` +
          `options instead`,
      );
    }
    return copyMaker(model);
  }
  const named =
    typeof model === 'string' || typeof (model as PlannedModel | null)?.name === 'string';
  requireArgument(OWNER, 'model', model, named, EXPECTED_MODEL);
  const { name, ...given } = typeof model === 'string' ? { name: model } : model;
  const inputShape =
    side == null ? {} : { inputShape: [side, side, 3] as [number, number, number] };
  const mode = backprop == null ? {} : { backprop };
  return () => createModel(name, { ...inputShape, ...mode, ...(given as CreateModelOptions) });
}

function planStep(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  batch: number,
  options: MemoryPlanOptions,
): Omit<MemoryPlan, 'backend' | 'batch'> {
  const inputs = model.inputs.map((input) => blank(inputShape(input, batch, options), input.dtype));
  const variables = distinctVariables(model.weights);
  const trained = distinctVariables(model.trainableWeights);
  const weights = bytesIn(variables);
  const inputBytes = bytesIn(inputs);
  const start = tf.memory().numBytes;
  let marks: StepMarks | undefined;
  const apply = optimizer.applyGradients.bind(optimizer);
  optimizer.applyGradients = (gradients) => {
    marks?.backwardEnds();
    apply(gradients);
  };
  const step = (given?: StepMarks) => {
    marks = given;
    const loss = (outputs: tf.Tensor | tf.Tensor[]) => {
      const value = tf.addN([outputs].flat().map((y) => tf.mean(tf.square(y))));
      marks?.forwardEnds();
      return value as tf.Scalar;
    };
    const x = inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs;
    trainingStep(model, optimizer, x, loss).dispose();
  };
  // Moments are made in the first step.
  step();
  const moments = tf.memory().numBytes - start;
  const { peakBytes, at } = findPeak(() => step());
  const parts = partsAtPeak(step, at, trained);
  parts.activations += inputBytes;
  const known = weights + moments + parts.gradients + parts.anchors + parts.activations;
  return {
    parameters: variables.reduce((sum, v) => sum + v.size, 0),
    trainedParameters: trained.reduce((sum, v) => sum + v.size, 0),
    weights,
    moments,
    ...parts,
    workspace: peakBytes - known,
    peakBytes,
  };
}

function bytesIn(tensors: readonly tf.Tensor[]): number {
  return tensors.reduce((sum, t) => sum + bytesOf(t), 0);
}

const SIDE = 224;
const LENGTH = 128;

/** The shape of a batch; sizes that the model leaves open are those of the options. */
function inputShape(
  { shape }: tfl.SymbolicTensor,
  batch: number,
  { side = SIDE, length = LENGTH }: MemoryPlanOptions,
): number[] {
  const open = shape.length === 4 ? side : length;
  return shape.map((size, d) => (d === 0 ? batch : (size ?? open)));
}
