/**
 * Kernels that call the package's own TensorFlow operations. Builds for browsers have
 * `native_kernels.browser.ts` in place of this file.
 */
import * as tf from '@tensorflow/tfjs-core';

import { conditional } from '../fused';
import { adamw } from './adamw';
import { attention, attentionGrad } from './attention';
import { depthwise, depthwiseInputGrad, depthwiseKernelGrad } from './depthwise';
import { gelu, geluGrad } from './gelu';
import { layerNorm, layerNormGrad } from './layer_norm';
import { LEVEL_KERNELS } from './level';
import { nativeIsOn } from './library';
import { updateNatively } from './native_adamw_8bit';
import { fromPatches, patches } from './patches';
import { residualMlp, residualMlpGrad } from './residual_mlp';

/** The kernels, which count as absent while the library is off. */
export const NATIVE_KERNELS: readonly tf.KernelConfig[] = [
  residualMlp,
  residualMlpGrad,
  depthwise,
  depthwiseInputGrad,
  depthwiseKernelGrad,
  layerNorm,
  layerNormGrad,
  gelu,
  geluGrad,
  ...LEVEL_KERNELS,
  patches,
  fromPatches,
  attention,
  attentionGrad,
  adamw,
].map((kernel) => conditional(kernel, nativeIsOn));

/** A step with moments of eight bits, where the library is on; for the kernel that computes without it as well. */
export const nativeAdamw8bit = (): typeof updateNatively | null =>
  nativeIsOn() ? updateNatively : null;

/** Whether linear layers are one operation: where the library is on. */
export const hasNativeLinear = (): boolean => nativeIsOn();

export { registerNativeFlag } from './library';
