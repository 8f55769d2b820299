/** Depthwise convolution and its gradients, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { DEPTHWISE, DEPTHWISE_INPUT_GRAD, DEPTHWISE_KERNEL_GRAD } from '../contract';
import { implementKernel } from '../fused';
import type { NodeBackend } from './backend';

export const depthwise = implementKernel(
  DEPTHWISE,
  'tensorflow',
  (backend: NodeBackend, { x, kernel, bias }) =>
    backend.executeSingleOutput(DEPTHWISE.name, [], [x, kernel, bias]),
);

export const depthwiseInputGrad = implementKernel(
  DEPTHWISE_INPUT_GRAD,
  'tensorflow',
  (backend: NodeBackend, { dy, kernel, other }) =>
    backend.executeSingleOutput(DEPTHWISE_INPUT_GRAD.name, [], [dy, kernel, other]),
);

export const depthwiseKernelGrad = implementKernel(
  DEPTHWISE_KERNEL_GRAD,
  'tensorflow',
  (backend: NodeBackend, { x, dy, kernel }) => {
    const inputs = [x, dy, kernel];
    const [dKernel, dBias] = backend.executeMultipleOutputs(
      DEPTHWISE_KERNEL_GRAD.name,
      [],
      inputs,
      2,
    ) as [tf.TensorInfo, tf.TensorInfo];
    return { dKernel, dBias };
  },
);
