/** The product of matrices, on tensorflow: by the package's own operation, or by the faster of TensorFlow's two. */
import type * as tf from '@tensorflow/tfjs-core';

import { MAT_MUL } from '../contract';
import { implementKernel } from '../fused';
import { flag, float32, type NodeBackend, text } from './backend';
import { hasNativeLinear } from './native_kernels';

/**
 * A linear layer is one operation where the library is on: product and bias are one pass. Elsewhere `MatMul` beats `BatchMatMulV2` by up to 1.7 times where a is transposed, and loses by as much to it
 * where b is.
 */
export const matMul = implementKernel(
  MAT_MUL,
  'tensorflow',
  (backend: NodeBackend, { a, b, bias }, { transposeA, transposeB }) => {
    if (bias && !transposeA && !transposeB && hasNativeLinear()) {
      return backend.executeSingleOutput(MAT_MUL.name, [], [a, b, bias]);
    }
    const [operation, first, second] = transposeB
      ? (['BatchMatMulV2', 'adj_x', 'adj_y'] as const)
      : (['MatMul', 'transpose_a', 'transpose_b'] as const);
    const product = backend.executeSingleOutput(
      operation,
      [float32(backend), flag(backend, first, transposeA), flag(backend, second, transposeB)],
      [a, b],
    );
    if (bias == null) return product;
    const attributes = [float32(backend), text(backend, 'data_format', 'NHWC')];
    try {
      return backend.executeSingleOutput('BiasAdd', attributes, [product, bias]);
    } finally {
      (product as tf.Tensor).dispose();
    }
  },
);
