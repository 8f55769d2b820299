import * as tf from '@tensorflow/tfjs-core';

import { assertFloat32, type Attrs, type WasmBackend, type WasmKernel } from './backend';
import { columnSum } from './column_sum';
import { convBackpropFilter } from './conv_backprop_filter';
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './depthwise_backprop';
import { gelu, geluGrad } from './gelu';
import { layerNorm, layerNormGrad } from './layer_norm';
import { matMul } from './mat_mul';
import { SIMD_FLAG } from './simd_module';
import { unsortedSegmentSum } from './unsorted_segment_sum';

const KERNELS: readonly WasmKernel[] = [
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
  tf.env().registerFlag(SIMD_FLAG, () => true);
  const missing = KERNELS.filter(({ name }) => tf.getKernel(name, 'wasm') == null);
  for (const kernel of missing) {
    tf.registerKernel({
      kernelName: kernel.name,
      backendName: 'wasm',
      kernelFunc: ({ inputs, backend, attrs }) => {
        assertFloat32(kernel.name, kernel.float32Inputs, inputs);
        return kernel.run(
          backend as WasmBackend,
          inputs as Record<string, tf.TensorInfo>,
          (attrs ?? {}) as Attrs,
        );
      },
    });
  }
  return missing.map(({ name }) => name);
}
