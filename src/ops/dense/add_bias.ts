/** A bias for each channel, with ReLU behind it. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum } from '../column_sum';
import { defineOp } from '../engine/define_op';
import { tidyAll } from '../engine/tensors';

interface Attrs {
  relu: boolean;
}

/** `dy`, where a ReLU has let the value pass. */
function passed(dy: tf.Tensor, x: tf.Tensor, bias: tf.Tensor, { relu }: Attrs): tf.Tensor {
  if (!relu) return tf.clone(dy);
  return tf.tidy(() => tf.mul(dy, tf.cast(tf.greater(tf.add(x, bias), 0), 'float32')));
}

const addBiasOp = defineOp({
  name: 'RevColAddBias',
  inputs: ['x', 'bias'],
  forward: ({ x, bias }, { relu }: Attrs) => {
    const y = tf.add(x, bias);
    return relu ? tf.relu(y) : y;
  },
  backward: (dy, { x, bias }, attrs) => {
    // One of both serves the other; what is handed over lives no longer than if it were made for that.
    const [dx, dBias] = tidyAll(() => {
      const d = passed(dy, x, bias, attrs);
      return [d, columnSum(d)];
    });
    return { x: () => dx, bias: () => dBias };
  },
});

/**
 * `x + bias`, then ReLU if asked for, as one tape node.
 *
 * @param x `[..., channels]`, float32
 * @param bias `[channels]`
 */
export function addBias(x: tf.Tensor, bias: tf.Tensor, relu = false): tf.Tensor {
  return addBiasOp({ x, bias }, { relu });
}
