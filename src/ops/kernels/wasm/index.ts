/** All kernels of backend 'wasm' that the package brings, and when tfjs is told of them. */
import type * as tf from '@tensorflow/tfjs-core';

import { batchMatMul } from './batch_mat_mul';
import { columnSum } from './column_sum';
import { convBackpropFilter } from './conv_backprop_filter';
import { convBackpropInput } from './conv_backprop_input';
import { depthwiseBackpropFilter } from './depthwise_backprop_filter';
import { depthwiseBackpropInput } from './depthwise_backprop_input';
import { gelu, geluGrad } from './gelu';
import { layerNorm, layerNormGrad } from './layer_norm';
import { matMul } from './mat_mul';
import { maxPoolGrad } from './max_pool_grad';
import { registerMissing, replaceRegistered } from './register';
import { unsortedSegmentSum } from './unsorted_segment_sum';

/** Implementations of the contract in `../contract.ts`. */
const FUSED: readonly tf.KernelConfig[] = [
  gelu,
  geluGrad,
  layerNorm,
  layerNormGrad,
  columnSum,
  matMul,
  batchMatMul,
];

/** Kernels of tfjs's own that tfjs-backend-wasm 4.22 lacks. */
const MISSING: readonly tf.KernelConfig[] = [
  convBackpropFilter,
  depthwiseBackpropFilter,
  depthwiseBackpropInput,
  unsortedSegmentSum,
];

/** Kernels of tfjs's own that tfjs-backend-wasm 4.22 has, but wrong or slow. */
const REPAIRED: readonly tf.KernelConfig[] = [maxPoolGrad, convBackpropInput];

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
 * Replaces kernels of tfjs-backend-wasm 4.22 that hinder training: `MaxPoolGrad`, which is wrong
 * for windows without a positive value, and `Conv2DBackpropInput`, which takes ten times as long as
 * the forward convolution. A kernel that is not registered is left alone (registering it here would
 * make tfjs-backend-wasm warn when it is imported later), so call this once the backend is imported;
 * further calls do nothing.
 *
 * @returns names of the kernels replaced by this call
 */
export function repairWasmKernels(): string[] {
  return replaceRegistered(REPAIRED, repairWasmKernels);
}

/**
 * Does both, now and once more when all imports of the program have run: the backend may be imported
 * after this package. Where it comes later still, the first kernel of ours that runs sees to it.
 */
export function installWasmKernels(): void {
  registerWasmKernels();
  repairWasmKernels();
  void Promise.resolve().then(repairWasmKernels);
}
