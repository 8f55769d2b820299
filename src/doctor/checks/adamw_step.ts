/** Checks what one step of AdamW makes of the weights of a small network. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../../ops/engine/lost_backend';
import { AdamW } from '../../training/adamw';
import { trainingStep } from '../../training/training_step';
import { judge, type Pair } from '../compare';
import { expectedOf, type Golden } from '../golden';
import { weightValues } from '../numbers';
import type { Check } from './check';

/** An epsilon of the size of gradients: without it a step hardly depends on their size. */
const ARGS = { learningRate: 0.1, epsilon: 0.1, weightDecay: 0.5 };

/**
 * A weight after a first step, in double precision: there the means of gradients and of their squares, corrected,
 * are these themselves. Weights with one axis do not decay.
 */
function updated(values: Float32Array, gradient: Float32Array, axes: number): Float64Array {
  const { learningRate, epsilon, weightDecay } = ARGS;
  const decay = axes > 1 ? weightDecay : 0;
  return Float64Array.from(values, (value, i) => {
    const g = gradient[i] as number;
    return value - learningRate * (g / (Math.abs(g) + epsilon) + decay * value);
  });
}

export function adamWStep(golden: Golden): Check {
  const name = `a step of AdamW on ${golden.what}`;
  return {
    name,
    trains: true,
    run: async () => {
      const model = golden.build('reversible');
      const { x, labels } = golden.batch();
      const optimizer = new AdamW(ARGS);
      const made: tf.Tensor[] = [x, labels];
      try {
        const loss = (logits: tf.Tensor | tf.Tensor[]) => golden.loss(labels, logits as tf.Tensor);
        made.push(trainingStep(model, optimizer, x, loss));
        const expected = expectedOf(golden, model);
        const seeds = new Map(model.weights.map(({ originalName }, seed) => [originalName, seed]));
        const pairs: Pair[] = [];
        for (const weight of model.trainableWeights) {
          const { originalName } = weight;
          const shape = weight.shape as number[];
          const before = weightValues(originalName, shape, seeds.get(originalName) as number);
          const gradient = expected.gradients.get(originalName) as Float32Array;
          pairs.push({
            name: originalName,
            got: await readTensor(weight.read()),
            expected: updated(before, gradient, shape.length),
          });
        }
        return judge(name, pairs, 1e-4);
      } finally {
        optimizer.dispose();
        tf.dispose(made);
        model.dispose();
      }
    },
  };
}
