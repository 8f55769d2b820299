/** Puts kernels into tfjs's registry for backend 'wasm': where there is none, or over a bad one. */
import * as tf from '@tensorflow/tfjs-core';

import { SIMD_FLAG } from '../simd_module';
import type { KernelRepair } from './repair';

/** What was registered here, to know it again. */
const own = new Set<tf.KernelConfig>();

/**
 * Registers those of `kernels` whose names are not taken.
 *
 * @param onFirstRun called before the first kernel registered here runs
 * @returns their names
 */
export function registerMissing(
  kernels: readonly tf.KernelConfig[],
  onFirstRun: () => void,
): string[] {
  const missing = kernels.filter(({ kernelName }) => tf.getKernel(kernelName, 'wasm') == null);
  for (const kernel of missing) register(kernel, onFirstRun);
  return missing.map(({ kernelName }) => kernelName);
}

/**
 * Registers those of `kernels` whose names are taken by somebody else's kernel, in its place.
 *
 * @returns their names
 */
export function replaceRegistered(
  kernels: readonly (tf.KernelConfig | KernelRepair)[],
  onFirstRun: () => void,
): string[] {
  const replaced = kernels.filter(({ kernelName }) => {
    const config: tf.KernelConfig | undefined = tf.getKernel(kernelName, 'wasm');
    return config != null && !own.has(config);
  });
  for (const kernel of replaced) {
    const theirs = tf.getKernel(kernel.kernelName, 'wasm');
    tf.unregisterKernel(kernel.kernelName, 'wasm');
    register('over' in kernel ? kernel.over(theirs) : kernel, onFirstRun);
  }
  return replaced.map(({ kernelName }) => kernelName);
}

let hasRun = false;

function register(kernel: tf.KernelConfig, onFirstRun: () => void): void {
  tf.env().registerFlag(SIMD_FLAG, () => true);
  const config: tf.KernelConfig = {
    ...kernel,
    kernelFunc: (params) => {
      if (!hasRun) {
        hasRun = true;
        onFirstRun();
      }
      return kernel.kernelFunc(params);
    },
  };
  own.add(config);
  tf.registerKernel(config);
}
