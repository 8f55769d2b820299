/** Trains one step in both modes of backpropagation and compares all that it leaves. */
import type * as tf from '@tensorflow/tfjs';

import type { RevColBackbone } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import {
  expectSameStep,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
  weightValues,
  worstError,
} from '../../support/training_step';

/** What a step in reversible mode left. */
export interface ComparedStep {
  /** Names of the weights that got a gradient. */
  differentiated: string[];
  /** Values of weights before and after the step, by name. */
  before: Map<string, Float32Array>;
  after: Map<string, Float32Array>;
}

/**
 * Asserts that loss, gradients of all weights and of the input, and all weights and moving
 * statistics after the step are the same in both modes, to the rounding of float32.
 *
 * @param make a fresh, unbuilt backbone
 */
export function expectModesAgree(
  make: (backprop: 'reversible' | 'stored') => RevColBackbone,
  inputShape: number[],
  tolerance = 1e-4,
): ComparedStep {
  const run = (backprop: 'reversible' | 'stored') =>
    tidyAll(() => {
      const backbone = make(backprop);
      const x = normalTensor(inputShape, 77);
      backbone.apply(x);
      randomizeWeights(backbone.weights, 11);
      const before = weightValues(backbone.weights);
      const step = takeStep(
        () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor | tf.Tensor[]),
        backbone.trainableWeights,
        x,
      );
      const after = weightValues(backbone.weights);
      backbone.dispose();
      return { step, before, after };
    });
  const [reversible, stored] = [run('reversible'), run('stored')];
  expectSameStep(reversible.step, stored.step, tolerance);
  expect(reversible.step.loss).not.toBe(0);
  expect(worstError(reversible.after, stored.after).error).toBeLessThan(1e-5);
  const differentiated = [...reversible.step.gradients]
    .filter(([, gradient]) => gradient.some((v) => v !== 0))
    .map(([name]) => name);
  return { differentiated, before: reversible.before, after: reversible.after };
}
