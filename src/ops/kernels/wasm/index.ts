import * as tf from '@tensorflow/tfjs-core';

import { assertFloat32, type Attrs, type WasmBackend, type WasmKernel } from './backend';
import { batchMatMul } from './batch_mat_mul';
import { columnSum } from './column_sum';
import { convBackpropFilter } from './conv_backprop_filter';
import { convBackpropInput } from './conv_backprop_input';
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './depthwise_backprop';
import { gelu, geluGrad } from './gelu';
import { layerNorm, layerNormGrad } from './layer_norm';
import { matMul } from './mat_mul';
import { maxPoolGrad } from './max_pool_grad';
import { SIMD_FLAG } from './simd_module';
import { unsortedSegmentSum } from './unsorted_segment_sum';

const MISSING: readonly WasmKernel[] = [
  convBackpropFilter,
  depthwiseBackpropFilter,
  depthwiseBackpropInput,
  unsortedSegmentSum,
  gelu,
  geluGrad,
  layerNorm,
  layerNormGrad,
  columnSum,
  matMul,
  batchMatMul,
];

const REPAIRED: readonly WasmKernel[] = [maxPoolGrad, convBackpropInput];

/** What this module has registered, to know it again. */
const own = new Set<tf.KernelConfig>();

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
  const missing = MISSING.filter(({ name }) => tf.getKernel(name, 'wasm') == null);
  missing.forEach(register);
  return missing.map(({ name }) => name);
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
  const replaced = REPAIRED.filter(({ name }) => {
    const config: tf.KernelConfig | undefined = tf.getKernel(name, 'wasm');
    return config != null && !own.has(config);
  });
  for (const kernel of replaced) {
    tf.unregisterKernel(kernel.name, 'wasm');
    register(kernel);
  }
  return replaced.map(({ name }) => name);
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

let isRepaired = false;

function register(kernel: WasmKernel): void {
  tf.env().registerFlag(SIMD_FLAG, () => true);
  const config: tf.KernelConfig = {
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      if (!isRepaired) {
        isRepaired = true;
        repairWasmKernels();
      }
      assertFloat32(kernel.name, kernel.float32Inputs, inputs);
      return kernel.run(
        backend as WasmBackend,
        inputs as Record<string, tf.TensorInfo>,
        (attrs ?? {}) as Attrs,
      );
    },
  };
  own.add(config);
  tf.registerKernel(config);
}
