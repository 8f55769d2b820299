/** Kernels that a backend makes of tfjs's own operations, whose tensors count while they run. */
import * as tf from '@tensorflow/tfjs-core';

import { runKernel } from '../ops/engine/kernel';

type Composed = (inputs: tf.NamedTensorMap, attrs: Readonly<Record<string, unknown>>) => tf.Tensor;

const named = (inputs: tf.NamedTensorMap) => inputs.x as tf.Tensor;

/** By backend and kernel; tfjs-node 4.22's, as far as they make tensors of the input's size. */
export const COMPOSED: Readonly<Record<string, Readonly<Record<string, Composed>>>> = {
  tensorflow: {
    Step: (inputs) => {
      const x = named(inputs);
      const isNan = tf.isNaN(x);
      const steps = tf.where(tf.greater(x, tf.scalar(0)), blankLike(x), blankLike(x));
      return runKernel('Select', { condition: isNan, t: x, e: steps }, {});
    },
    Mean: (inputs, { axis, keepDims }) => {
      const cast = tf.cast(named(inputs), 'float32');
      return tf.sum(cast, axis as number[], keepDims as boolean);
    },
  },
};

function blankLike(x: tf.Tensor): tf.Tensor {
  return runKernel('Fill', {}, { shape: x.shape, value: 0, dtype: x.dtype });
}
