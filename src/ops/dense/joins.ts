/** Joining and adding maps of features: tape nodes whose gradients are there with tfjs-core alone. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp, type Op } from '../engine/define_op';

const joins = new Map<number, Op<string, object>>();

/** The operation that joins so many tensors: the names of its inputs are fixed. */
function joinOf(count: number): Op<string, object> {
  let join = joins.get(count);
  if (!join) {
    const inputs = Array.from({ length: count }, (_, i) => `x${i}`);
    join = defineOp({
      name: `RevColJoinChannels${count}`,
      inputs,
      forward: (xs) => tf.concat(Object.values(xs), 3),
      backward: (dy, xs) => {
        let start = 0;
        return Object.fromEntries(
          Object.entries(xs).map(([name, { shape }]) => {
            const begin = [0, 0, 0, start];
            start += shape[3] as number;
            return [name, () => tf.slice(dy, begin, shape)];
          }),
        );
      },
    });
    joins.set(count, join);
  }
  return join;
}

/**
 * Maps of one size as one map with the channels of all, in their order, as one tape node.
 *
 * @param maps each `[batch, height, width, channels]`, float32
 */
export function joinChannels(maps: readonly tf.Tensor[]): tf.Tensor {
  return joinOf(maps.length)(Object.fromEntries(maps.map((map, i) => [`x${i}`, map])));
}

const addScaledOp = defineOp({
  name: 'RevColAddScaled',
  inputs: ['a', 'b'],
  forward: ({ a, b }, { scale }: { scale: number }) =>
    tf.add(a, scale === 1 ? b : tf.mul(b, scale)),
  backward: (dy, _, { scale }) => ({ a: () => tf.clone(dy), b: () => tf.mul(dy, scale) }),
});

/** `a + scale * b` of two tensors of one shape, as one tape node. `scale` defaults to 1. */
export function addScaled(a: tf.Tensor, b: tf.Tensor, scale = 1): tf.Tensor {
  return addScaledOp({ a, b }, { scale });
}
