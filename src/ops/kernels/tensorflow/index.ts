/** All kernels of backend 'tensorflow' that the package brings. */
import * as tf from '@tensorflow/tfjs-core';

import { registerAbsent } from '../fused';
import { SIMD_FLAG } from '../simd_module';
import { adamw8bit } from './adamw_8bit';
import { matMul } from './mat_mul';
import { NATIVE_KERNELS, registerNativeFlag } from './native_kernels';

const KERNELS: readonly tf.KernelConfig[] = [matMul, adamw8bit, ...NATIVE_KERNELS];

/**
 * Registers this package's kernels for backend 'tensorflow'. The backend need not be loaded yet; a
 * kernel that exists is left alone.
 */
export function registerTensorflowKernels(): void {
  tf.env().registerFlag(SIMD_FLAG, () => true);
  registerNativeFlag();
  registerAbsent(KERNELS);
}
