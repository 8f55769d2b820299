/** Normalisation over the last axis and its gradient, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { LAYER_NORM, LAYER_NORM_GRAD } from '../contract';
import { implementKernel } from '../fused';
import { float, type NodeBackend } from './backend';

export const layerNorm = implementKernel(
  LAYER_NORM,
  'tensorflow',
  (backend: NodeBackend, { x }, { epsilon }) => {
    const attributes = [float(backend, 'epsilon', epsilon)];
    const [xhat, rstd] = backend.executeMultipleOutputs(LAYER_NORM.name, attributes, [x], 2) as [
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    return { xhat, rstd };
  },
);

export const layerNormGrad = implementKernel(
  LAYER_NORM_GRAD,
  'tensorflow',
  (backend: NodeBackend, { dy, xhat, rstd }) =>
    backend.executeSingleOutput(LAYER_NORM_GRAD.name, [], [dy, xhat, rstd]),
);
