/** Attention and its gradients without a matrix of all scores, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { type AttentionShape, attentionShape, requireOutputs } from '../attention_shape';
import { ATTENTION, ATTENTION_GRAD } from '../contract';
import { implementKernel } from '../fused';
import { type NodeBackend, withNumbers } from './backend';

/**
 * Runs `fn` with an operation's name and inputs, in their order: one with a bias is another operation, since an
 * operation has a fixed number of inputs.
 */
function withInputs<T>(
  backend: NodeBackend,
  { name }: { name: string },
  { heads, scale, causalOffset }: AttentionShape,
  operands: readonly tf.TensorInfo[],
  bias: tf.TensorInfo | undefined,
  fn: (name: string, inputs: tf.TensorInfo[]) => T,
): T {
  return withNumbers(backend, [heads, scale, causalOffset], (settings) =>
    bias ? fn(`${name}Bias`, [...operands, bias, settings]) : fn(name, [...operands, settings]),
  );
}

export const attention = implementKernel(
  ATTENTION,
  'tensorflow',
  (backend: NodeBackend, inputs, attributes) => {
    const shape = attentionShape(ATTENTION, 'tensorflow', inputs, attributes);
    const { query, key, value, bias } = inputs;
    return withInputs(backend, ATTENTION, shape, [query, key, value], bias, (name, given) =>
      backend.executeSingleOutput(name, [], given),
    );
  },
);

export const attentionGrad = implementKernel(
  ATTENTION_GRAD,
  'tensorflow',
  (backend: NodeBackend, inputs, attributes) => {
    const shape = attentionShape(ATTENTION_GRAD, 'tensorflow', inputs, attributes);
    requireOutputs('tensorflow', shape, inputs);
    const { query, key, value, output, dOutput, bias } = inputs;
    const operands = [query, key, value, output, dOutput];
    return withInputs(backend, ATTENTION_GRAD, shape, operands, bias, (name, given) => {
      const [dQuery, dKey, dValue] = backend.executeMultipleOutputs(name, [], given, 3) as [
        tf.TensorInfo,
        tf.TensorInfo,
        tf.TensorInfo,
      ];
      return { dQuery, dKey, dValue };
    });
  },
);
