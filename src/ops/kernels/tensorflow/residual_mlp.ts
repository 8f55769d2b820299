/** The half of a ConvNeXt block after its depthwise convolution, by the package's TensorFlow operations. */
import type * as tf from '@tensorflow/tfjs-core';

import { RESIDUAL_MLP, RESIDUAL_MLP_GRAD } from '../contract';
import { implementKernel, type InputsOf } from '../fused';
import { float, type NodeBackend } from './backend';

type Weights = Pick<
  InputsOf<typeof RESIDUAL_MLP, tf.TensorInfo>,
  Exclude<keyof InputsOf<typeof RESIDUAL_MLP, tf.TensorInfo>, 'u' | 'residual'>
>;

/** In the order of the operations. */
function listed(first: tf.TensorInfo, second: tf.TensorInfo, w: Weights): tf.TensorInfo[] {
  const weights = [
    w.gamma,
    w.beta,
    w.expandKernel,
    w.expandBias,
    w.projectKernel,
    w.projectBias,
    w.layerScale,
  ];
  return [first, second, ...weights, ...(w.survival ? [w.survival] : [])];
}

/** An operation's inputs are a fixed number, so that one with survival is another. */
const named = ({ name }: { name: string }, { survival }: Weights) =>
  survival ? `${name}Survival` : name;

export const residualMlp = implementKernel(
  RESIDUAL_MLP,
  'tensorflow',
  (backend: NodeBackend, { u, residual, ...weights }, { epsilon }) =>
    backend.executeSingleOutput(
      named(RESIDUAL_MLP, weights),
      [float(backend, 'epsilon', epsilon)],
      listed(u, residual, weights),
    ),
);

export const residualMlpGrad = implementKernel(
  RESIDUAL_MLP_GRAD,
  'tensorflow',
  (backend: NodeBackend, { u, dy, ...weights }, { epsilon }) => {
    const { outputs } = RESIDUAL_MLP_GRAD;
    const gradients = backend.executeMultipleOutputs(
      named(RESIDUAL_MLP_GRAD, weights),
      [float(backend, 'epsilon', epsilon)],
      listed(u, dy, weights),
      outputs.length,
    );
    return Object.fromEntries(outputs.map((name, i) => [name, gradients[i]])) as Record<
      (typeof outputs)[number],
      tf.TensorInfo
    >;
  },
);
