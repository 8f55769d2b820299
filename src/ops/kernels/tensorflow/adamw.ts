/** A step of AdamW in one pass, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { ADAMW } from '../contract';
import { implementKernel } from '../fused';
import { float32, type NodeBackend } from './backend';

export const adamw = implementKernel(
  ADAMW,
  'tensorflow',
  (backend: NodeBackend, { weight, gradient, m, v }, factors) => {
    const { beta1, beta2, kept, size, epsilon } = factors;
    const values = Float32Array.of(beta1, 1 - beta1, beta2, 1 - beta2, kept, size, epsilon);
    // No attributes: TensorFlow keeps a kernel for each of their values, and these are new at every step.
    const dataId = backend.write(values, [values.length], 'float32') as tf.DataId;
    const given: tf.TensorInfo = { dataId, shape: [values.length], dtype: 'float32' };
    // Both are there or neither.
    const none =
      m && v ? undefined : backend.executeSingleOutput('ZerosLike', [float32(backend)], [weight]);
    try {
      const inputs = [weight, gradient, m ?? none, v ?? none, given] as tf.TensorInfo[];
      const [updated, newM, newV] = backend.executeMultipleOutputs(ADAMW.name, [], inputs, 3) as [
        tf.TensorInfo,
        tf.TensorInfo,
        tf.TensorInfo,
      ];
      return { updated, newM, newV };
    } finally {
      backend.disposeData(dataId);
      (none as tf.Tensor | undefined)?.dispose();
    }
  },
);
