/** Backend tensorflow: version, processor or graphics card. */
import * as tf from '@tensorflow/tfjs-core';

import type { BackendFacts } from './facts';

/** What is read of tfjs-node's backend, an optional peer. */
interface NodeBackend {
  binding?: { TF_Version?: string };
  isGPUPackage?: boolean;
  isUsingGpuDevice?: boolean;
}

export function tensorflowFacts(): BackendFacts {
  const { binding, isGPUPackage, isUsingGpuDevice } = tf.backend() as unknown as NodeBackend;
  const facts = {
    package: isGPUPackage ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node',
    tensorflow: binding?.TF_Version ?? null,
    device: isUsingGpuDevice ? 'GPU' : 'CPU',
  };
  if (!isGPUPackage || isUsingGpuDevice) return { facts, findings: [] };
  return {
    facts,
    findings: [
      {
        kind: 'slow',
        code: 'gpu-not-used',
        text: 'tfjs-node-gpu computes on the processor: TensorFlow found no graphics card that it can use',
        advice:
          'install the driver and the CUDA libraries that this TensorFlow wants (tfjs-node-gpu 4.22 comes with 2.9 and ' +
          'CUDA 11.2; docs/native.md builds it for a current one); where there is no graphics card, all is well',
      },
    ],
  };
}
