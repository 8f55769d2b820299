/** A step of AdamW in one pass, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { ADAMW } from '../contract';
import { implementKernel } from '../fused';
import { float32, type NodeBackend, withNumbers } from './backend';

/** Factors of a step, in the order that the library expects. */
export function factorList({
  beta1,
  beta2,
  kept,
  size,
  epsilon,
}: Record<keyof typeof ADAMW.attributes, number>): number[] {
  return [beta1, 1 - beta1, beta2, 1 - beta2, kept, size, epsilon];
}

export const adamw = implementKernel(
  ADAMW,
  'tensorflow',
  (backend: NodeBackend, { weight, gradient, m, v }, factors) => {
    // Both are there or neither.
    const none =
      m && v ? undefined : backend.executeSingleOutput('ZerosLike', [float32(backend)], [weight]);
    try {
      return withNumbers(backend, factorList(factors), (given) => {
        const inputs = [weight, gradient, m ?? none, v ?? none, given] as tf.TensorInfo[];
        const [updated, newM, newV] = backend.executeMultipleOutputs(ADAMW.name, [], inputs, 3) as [
          tf.TensorInfo,
          tf.TensorInfo,
          tf.TensorInfo,
        ];
        return { updated, newM, newV };
      });
    } finally {
      (none as tf.Tensor | undefined)?.dispose();
    }
  },
);
