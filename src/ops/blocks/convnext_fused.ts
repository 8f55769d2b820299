/**
 * The ConvNeXt block by kernels that do its half after the depthwise convolution as a whole, where the
 * backend has them: LayerNorm, product, GELU, product, layer scale, residual, and the gradient of all
 * that. Weights are not folded. Hidden values are kept for the gradient where that saves time.
 */
import * as tf from '@tensorflow/tfjs-core';

import { depthwiseBackwardInput, depthwiseForward } from '../depthwise_conv';
import { free, tidyAll } from '../engine/tensors';
import {
  DEPTHWISE_KERNEL_GRAD,
  RESIDUAL_MLP,
  RESIDUAL_MLP_GRAD,
  RESIDUAL_MLP_KEPT,
} from '../kernels/contract';
import { hasKernel, type InputsOf, runOwn } from '../kernels/fused';
import { LAYER_NORM_EPSILON } from '../layer_norm';
import { lowRankOf } from '../low_rank';
import type { LinearizedFunction } from '../reversible/level_function';
import { type ConvNextWeights, wholeKernel } from './convnext_weights';

const ATTRIBUTES = { epsilon: LAYER_NORM_EPSILON };

/** Whether the backend in use computes the half as a whole. */
export const hasFusedHalf = (): boolean => hasKernel(RESIDUAL_MLP);

/** Whether it computes the gradient as well. Factors of changed kernels have gradients of another kind. */
export function hasFusedGradient({ expandKernel, projectKernel }: ConvNextWeights): boolean {
  if (lowRankOf(expandKernel) || lowRankOf(projectKernel)) return false;
  return hasFusedHalf() && hasKernel(RESIDUAL_MLP_GRAD) && hasKernel(DEPTHWISE_KERNEL_GRAD);
}

/** The weights of the half, and what samples are multiplied by. */
function halfInputs(w: ConvNextWeights, survival: tf.Tensor | null) {
  const { gamma, beta, expandBias, projectBias, layerScale } = w;
  return {
    gamma,
    beta,
    expandKernel: wholeKernel(w.expandKernel),
    expandBias,
    projectKernel: wholeKernel(w.projectKernel),
    projectBias,
    layerScale,
    survival: survival ?? undefined,
  };
}

/** One factor for each sample, of a mask `[batch, 1, ...]`. */
const perSample = (mask: tf.Tensor | null) => mask && tf.reshape(mask, [-1]);

/**
 * The block's output, `[batch, height, width, c]`.
 *
 * @param mask of stochastic depth, `[batch, 1, 1, 1]`; null where no sample is dropped
 */
export function fusedForward(x: tf.Tensor, w: ConvNextWeights, mask: tf.Tensor | null): tf.Tensor {
  return tf.tidy(() => {
    const u = depthwiseForward(x, w.depthwiseKernel, w.depthwiseBias);
    return runOwn(RESIDUAL_MLP, { u, residual: x, ...halfInputs(w, perSample(mask)) }, ATTRIBUTES);
  });
}

/** The half, with what its gradient takes where the backend keeps something. */
function runKept(inputs: InputsOf<typeof RESIDUAL_MLP, tf.Tensor>): {
  y: tf.Tensor;
  kept?: tf.Tensor;
} {
  if (hasKernel(RESIDUAL_MLP_KEPT)) return runOwn(RESIDUAL_MLP_KEPT, inputs, ATTRIBUTES);
  return { y: runOwn(RESIDUAL_MLP, inputs, ATTRIBUTES) };
}

/** The block with the gradients of all its weights; takes the mask over. */
export function fusedLinearize(
  input: tf.Tensor,
  w: ConvNextWeights,
  mask: tf.Tensor | null,
): LinearizedFunction {
  const u = depthwiseForward(input, w.depthwiseKernel, w.depthwiseBias);
  const survival = perSample(mask);
  free(mask);
  const half = halfInputs(w, survival);
  const { y: output, kept } = runKept({ u, residual: input, ...half });
  const x = tf.clone(input);
  return {
    output,
    pullback: (dOutput) => {
      const gradients = tidyAll(() => {
        const inputs = { u, dy: dOutput, ...half, kept };
        const { du, ...rest } = runOwn(RESIDUAL_MLP_GRAD, inputs, ATTRIBUTES);
        free(u, kept);
        const kernel = w.depthwiseKernel;
        const { dKernel, dBias } = runOwn(DEPTHWISE_KERNEL_GRAD, { x, dy: du, kernel }, {});
        const dWeights = [
          dKernel,
          dBias,
          rest.dGamma,
          rest.dBeta,
          rest.dExpandKernel,
          rest.dExpandBias,
          rest.dProjectKernel,
          rest.dProjectBias,
          rest.dLayerScale,
        ];
        return { dInputs: [depthwiseBackwardInput(du, kernel, dOutput)], dWeights };
      });
      free(x, survival);
      return gradients;
    },
  };
}
