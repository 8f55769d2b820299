/** What levels are added up by and undone by, with the sums of their gradients, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import {
  AFFINE_NORM_GRAD,
  COLUMN_SUM,
  DOUBLED_GRAD,
  DOUBLED_SUM,
  type KernelContract,
  PRODUCT_SUM,
  SCALED_SUM,
  UNDO_LEVEL,
} from '../contract';
import { implementKernel } from '../fused';
import type { NodeBackend } from './backend';

/** A kernel that is one operation of the same name, with the contract's inputs in their order and one output. */
function asOperation(
  contract: KernelContract & { readonly outputs: readonly [string] },
): tf.KernelConfig {
  const { name, inputs: names } = contract;
  return implementKernel(contract, 'tensorflow', (backend: NodeBackend, inputs) => {
    const given = names.map((input) => (inputs as Record<string, tf.TensorInfo>)[input]);
    return backend.executeSingleOutput(name, [], given as tf.TensorInfo[]);
  });
}

export const LEVEL_KERNELS: readonly tf.KernelConfig[] = [
  SCALED_SUM,
  UNDO_LEVEL,
  COLUMN_SUM,
  PRODUCT_SUM,
  DOUBLED_SUM,
  DOUBLED_GRAD,
  AFFINE_NORM_GRAD,
].map(asOperation);
