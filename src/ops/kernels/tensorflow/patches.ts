/** Patches of images and back, by the package's TensorFlow operations. */
import { FROM_PATCHES, PATCHES } from '../contract';
import { implementKernel } from '../fused';
import { type NodeBackend, withNumbers } from './backend';

export const patches = implementKernel(
  PATCHES,
  'tensorflow',
  (backend: NodeBackend, { x }, { size }) =>
    withNumbers(backend, [size], (side) =>
      backend.executeSingleOutput(PATCHES.name, [], [x, side]),
    ),
);

export const fromPatches = implementKernel(
  FROM_PATCHES,
  'tensorflow',
  (backend: NodeBackend, { rows }, { size, batch, height, width }) =>
    withNumbers(backend, [size, batch, height, width], (settings) =>
      backend.executeSingleOutput(FROM_PATCHES.name, [], [rows, settings]),
    ),
);
