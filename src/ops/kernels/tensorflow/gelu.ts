/** The exact GELU and its gradient, by the package's TensorFlow operations. */
import { GELU, GELU_GRAD } from '../contract';
import { implementKernel } from '../fused';
import type { NodeBackend } from './backend';

export const gelu = implementKernel(GELU, 'tensorflow', (backend: NodeBackend, { x }) =>
  backend.executeSingleOutput(GELU.name, [], [x]),
);

export const geluGrad = implementKernel(GELU_GRAD, 'tensorflow', (backend: NodeBackend, inputs) =>
  backend.executeSingleOutput(GELU_GRAD.name, [], [inputs.x, inputs.dy]),
);
