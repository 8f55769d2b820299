/** All kernels of backend 'wasm' that the package brings, and when tfjs is told of them. */
import * as tf from '@tensorflow/tfjs-core';

import { onBackendStart } from '../on_start';
import { adamw } from './adamw';
import { adamw8bit } from './adamw_8bit';
import { attention, attentionGrad } from './attention';
import { avgPool3dGrad, avgPoolGrad } from './avg_pool_grad';
import { batchMatMul, stockMatMul } from './batch_mat_mul';
import { columnSum } from './column_sum';
import { convBackpropFilter } from './conv_backprop_filter';
import { convBackpropInput } from './conv_backprop_input';
import { conv3dBackpropFilter, conv3dBackpropInput } from './conv3d_backprop';
import { castToBool, gather, oneHot } from './conversions';
import { depthwise, depthwiseInputGrad, depthwiseKernelGrad } from './depthwise';
import { depthwiseBackpropFilter } from './depthwise_backprop_filter';
import { depthwiseBackpropInput } from './depthwise_backprop_input';
import { dilation2d, dilation2dBackpropFilter, dilation2dBackpropInput } from './dilation2d';
import { emptyInputs } from './empty';
import { emptyProducts } from './empty_products';
import { gelu, geluGrad } from './gelu';
import { identity } from './identity';
import { affineNormGrad, layerNorm, layerNormGrad } from './layer_norm';
import { doubledGrad, doubledSum, productSum, scaledSum, undoLevel } from './level';
import { matMul } from './mat_mul';
import { maxPool3d, maxPool3dGrad, maxPoolGrad } from './max_pool';
import { guardMemory } from './memory_guard';
import { registerMissing, replaceRegistered } from './register';
import type { KernelRepair } from './repair';
import { residualMlp, residualMlpKept } from './residual_mlp';
import { residualMlpGrad } from './residual_mlp_grad';
import { resizeBilinearGrad, resizeNearestNeighborGrad } from './resize_grad';
import { slice } from './slice';
import { unsortedSegmentSum } from './unsorted_segment_sum';
import { windows } from './windows';

/** Implementations of the contract in `../contract.ts`. */
const FUSED: readonly tf.KernelConfig[] = [
  gelu,
  geluGrad,
  layerNorm,
  layerNormGrad,
  affineNormGrad,
  columnSum,
  productSum,
  scaledSum,
  undoLevel,
  doubledSum,
  doubledGrad,
  depthwise,
  depthwiseInputGrad,
  depthwiseKernelGrad,
  residualMlp,
  residualMlpKept,
  residualMlpGrad,
  matMul,
  batchMatMul,
  attention,
  attentionGrad,
  adamw,
  adamw8bit,
];

/** Kernels of tfjs's own that tfjs-backend-wasm 4.22 lacks. */
const MISSING: readonly tf.KernelConfig[] = [
  convBackpropFilter,
  depthwiseBackpropFilter,
  depthwiseBackpropInput,
  unsortedSegmentSum,
];

/**
 * Kernels of tfjs's own that tfjs-backend-wasm 4.22 has, but slow, or wrong for some or all calls. Of two for one
 * kernel the later one is asked first.
 */
const REPAIRED: readonly (tf.KernelConfig | KernelRepair)[] = [
  convBackpropInput,
  conv3dBackpropInput,
  conv3dBackpropFilter,
  maxPoolGrad,
  maxPool3d,
  maxPool3dGrad,
  avgPoolGrad,
  avgPool3dGrad,
  dilation2d,
  dilation2dBackpropInput,
  dilation2dBackpropFilter,
  resizeBilinearGrad,
  resizeNearestNeighborGrad,
  stockMatMul,
  castToBool,
  oneHot,
  gather,
  slice,
  identity,
  ...windows,
  ...emptyInputs,
  ...emptyProducts,
];

/**
 * Registers, for backend 'wasm', the gradient kernels that tfjs 4.22 lacks there (of convolution
 * filters, of depthwise convolutions and of gather), so that stock conv and embedding layers train,
 * and this package's fused kernels. A kernel that exists is left alone, so later calls do nothing;
 * the backend need not be loaded yet. The tfjs flag `REVCOL_WASM_SIMD`, when set to false, makes
 * them compute in JavaScript instead of WebAssembly SIMD.
 *
 * @returns names of the kernels registered by this call
 */
export function registerWasmKernels(): string[] {
  return registerMissing([...MISSING, ...FUSED], repairWasmKernels);
}

/**
 * Replaces kernels of tfjs-backend-wasm 4.22 that are wrong, wholly or for some attributes, or, as
 * `Conv2DBackpropInput`, take ten times as long as the forward convolution. A kernel that is not
 * registered is left alone (registering it here would make tfjs-backend-wasm warn when it is imported
 * later), so call this once the backend is imported; further calls do nothing.
 *
 * @returns names of the kernels replaced by this call
 */
export function repairWasmKernels(): string[] {
  return replaceRegistered(REPAIRED, repairWasmKernels);
}

/**
 * Does both, now and when the backend comes into use: it may be imported after this package. Where all this
 * is late, because another copy of the package was told, the first kernel of ours that runs sees to it. From then
 * on the backend throws where it has no memory left.
 */
export function installWasmKernels(): void {
  registerWasmKernels();
  repairWasmKernels();
  const { wasm } = tf.engine().registry as { wasm?: object };
  if (wasm !== undefined) guardMemory(wasm);
  onBackendStart('wasm', (backend) => {
    repairWasmKernels();
    guardMemory(backend);
  });
}
