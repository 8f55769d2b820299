/**
 * Layer classes, kernels and gradients for tfjs. Rooms list their classes in `registered.ts`; the
 * entries of the package (`src/index.ts`, `src/entries`) call what they need, so that no other module
 * has side effects. A file of its own, so that optimizers come without layers.
 */
import { checkCore } from '../common/copies';
import { checkLayers } from '../layers/base/copies';
import { registerOwnClasses } from '../layers/base/own_classes';
import { COLUMN_LAYERS } from '../layers/columns/registered';
import { DENSE_LAYERS } from '../layers/dense/registered';
import { DETECTION_LAYERS } from '../layers/detection/registered';
import { TRANSFORMER_LAYERS } from '../layers/transformer/registered';
import { installGradients } from '../ops/kernels/gradients';
import { onBackendStart } from '../ops/kernels/on_start';
import { registerTensorflowKernels } from '../ops/kernels/tensorflow/index';
import { installWasmKernels } from '../ops/kernels/wasm/index';
import { repairWebgpuKernels } from '../ops/kernels/webgpu/index';

/**
 * Lets saved models with layers of this package load, adds the kernels that backends lack, and mends
 * those and the gradients of tfjs that are wrong. Warns of two copies of tfjs. Once more does nothing: a program may import several
 * entries.
 */
export function registerLayers(): void {
  checkCore();
  checkLayers();
  registerOwnClasses({
    ...COLUMN_LAYERS,
    ...DENSE_LAYERS,
    ...DETECTION_LAYERS,
    ...TRANSFORMER_LAYERS,
  });
  registerTensorflowKernels();
  installWasmKernels();
  // The backend may be imported after this package.
  repairWebgpuKernels();
  onBackendStart('webgpu', repairWebgpuKernels);
  installGradients();
}
