/** What kernels of several backends have in common: checks, results of nothing, and, on webgl and webgpu, temporaries. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import type { KernelContract, RESIDUAL_MLP_GRAD } from './contract';
import type { InputsOf } from './fused';

/** The part of either backend that makes tensors. */
interface TensorMaker {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.TypedArray): tf.TensorInfo;
}

/** How many numbers a tensor has. */
export const sizeOf = ({ shape }: tf.TensorInfo): number => tf.util.sizeFromShape(shape);

/** A tensor of zeros: what sums over nothing give. */
export function zeros(backend: TensorMaker, shape: readonly number[]): tf.TensorInfo {
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  return backend.makeTensorInfo([...shape], 'float32', values);
}

/**
 * Runs `fn`, then frees the tensors that it has given to `temporary`, also where it throws.
 *
 * @param free frees a tensor
 * @param fn gets a function that takes a tensor for what is needed within `fn` alone, and gives it back
 */
export function freeing<T>(
  free: (tensor: tf.TensorInfo) => void,
  fn: (temporary: (tensor: tf.TensorInfo) => tf.TensorInfo) => T,
): T {
  const held: tf.TensorInfo[] = [];
  try {
    return fn((tensor) => {
      held.push(tensor);
      return tensor;
    });
  } finally {
    held.forEach(free);
  }
}

/** Asserts one shape of all tensors that there are. */
export function requireAlike(
  { name }: KernelContract,
  backendName: string,
  tensors: readonly (tf.TensorInfo | undefined)[],
): void {
  const shapes = tensors.flatMap((tensor) => (tensor ? [show(tensor.shape)] : []));
  if (new Set(shapes).size === 1) return;
  throw new Error(`${name} (${backendName}): shapes are ${shapes.join(', ')}; all must be alike`);
}

/**
 * What the gradients of the half block go to.
 *
 * @param make makes the tensor of each, of the shape of what it is the gradient of
 */
export function halfBlockGradients(
  inputs: InputsOf<typeof RESIDUAL_MLP_GRAD, tf.TensorInfo>,
  make: (shape: number[]) => tf.TensorInfo,
) {
  const like = ({ shape }: tf.TensorInfo) => make(shape);
  return {
    du: like(inputs.u),
    dGamma: like(inputs.gamma),
    dBeta: like(inputs.beta),
    dExpandKernel: like(inputs.expandKernel),
    dExpandBias: like(inputs.expandBias),
    dProjectKernel: like(inputs.projectKernel),
    dProjectBias: like(inputs.projectBias),
    dLayerScale: like(inputs.layerScale),
  };
}
