/** Checks the gradients of all weights of a small network, in one mode of the backward pass. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../../ops/engine/lost_backend';
import { judge, type Pair } from '../compare';
import { type Backprop, expectedOf, type Golden } from '../golden';
import type { Check } from './check';

export function gradients(golden: Golden, backprop: Backprop): Check {
  const name = `${backprop} gradients of ${golden.what}`;
  return {
    name,
    trains: true,
    run: async () => {
      const model = golden.build(backprop);
      const { x, labels } = golden.batch();
      const made: tf.TensorContainer[] = [x, labels];
      try {
        const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
        const { value, grads } = tf.variableGrads(
          () => golden.loss(labels, model.apply(x, { training: true }) as tf.Tensor),
          variables,
        );
        made.push(value, grads);
        const expected = expectedOf(golden, model);
        const pairs: Pair[] = [
          { name: 'loss', got: await readTensor(value), expected: [expected.loss] },
        ];
        for (const [i, weight] of model.trainableWeights.entries()) {
          const wanted = expected.gradients.get(weight.originalName) as Float32Array;
          const given = grads[(variables[i] as tf.Variable).name];
          // The loss does not depend on the alphas of a first column.
          const got = given ? await readTensor(given) : new Float32Array(wanted.length);
          pairs.push({ name: weight.originalName, got, expected: wanted });
        }
        return judge(name, pairs, 1e-4);
      } finally {
        tf.dispose(made);
        model.dispose();
      }
    },
  };
}
