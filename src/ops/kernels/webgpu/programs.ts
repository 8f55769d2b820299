/** All kernels of backend 'webgpu' that the package brings besides what it mends. */
import type * as tf from '@tensorflow/tfjs-core';

import { registerAbsent } from '../fused';
import { registerWebgpuFlag } from './backend';
import { depthwise, depthwiseInputGrad, depthwiseKernelGrad } from './depthwise';
import { gelu, geluGrad } from './gelu';
import { affineNormGrad, layerNorm, layerNormGrad } from './layer_norm';
import { doubledGrad, doubledSum, scaledSum, undoLevel } from './level';
import { batchMatMul, matMul } from './mat_mul';
import { adamw, descent } from './optimizers';
import { fromPatches, patches } from './patches';
import { residualMlp, residualMlpGrad } from './residual_mlp';
import { columnSum, productSum } from './sums';

const KERNELS: readonly tf.KernelConfig[] = [
  matMul,
  batchMatMul,
  columnSum,
  layerNorm,
  layerNormGrad,
  affineNormGrad,
  gelu,
  geluGrad,
  depthwise,
  depthwiseInputGrad,
  depthwiseKernelGrad,
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
 * Registers this package's kernels for backend 'webgpu', which need not be loaded yet; a kernel that exists is
 * left alone.
 */
export function registerWebgpuKernels(): void {
  registerWebgpuFlag();
  registerAbsent(KERNELS);
}
