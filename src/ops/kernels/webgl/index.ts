/** All kernels of backend 'webgl' that the package brings. */
import type * as tf from '@tensorflow/tfjs-core';

import { registerAbsent } from '../fused';
import { attention, attentionGrad } from './attention';
import { registerWebglFlag } from './backend';
import { columnSum } from './column_sum';
import { depthwise, depthwiseInputGrad, depthwiseKernelGrad } from './depthwise';
import { gelu, geluGrad } from './gelu';
import { affineNormGrad, layerNorm, layerNormGrad } from './layer_norm';
import { doubledGrad, doubledSum, productSum, scaledSum, undoLevel } from './level';
import { adamw, descent } from './optimizers';
import { fromPatches, patches } from './patches';
import { matMul } from './products';
import { residualMlp, residualMlpGrad } from './residual_mlp';

const KERNELS: readonly tf.KernelConfig[] = [
  matMul,
  columnSum,
  layerNorm,
  layerNormGrad,
  affineNormGrad,
  gelu,
  geluGrad,
  depthwise,
  depthwiseInputGrad,
  depthwiseKernelGrad,
  attention,
  attentionGrad,
  residualMlp,
  residualMlpGrad,
  productSum,
  scaledSum,
  undoLevel,
  doubledSum,
  doubledGrad,
  patches,
  fromPatches,
  descent,
  adamw,
];

/**
 * Registers this package's kernels for backend 'webgl', which need not be loaded yet; a kernel that exists is
 * left alone.
 */
export function registerWebglKernels(): void {
  registerWebglFlag();
  registerAbsent(KERNELS);
}
