/** A ConvNeXt block of any size with random weights, run as a whole: what fused kernels are compared by. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { ConvNextFunction } from '../../../../src/ops/blocks/convnext';
import type { ConvNextWeights } from '../../../../src/ops/blocks/convnext_weights';
import type { LevelContext } from '../../../../src/ops/reversible/level_function';
import { expectClose } from '../../../support/backends';
import { normalTensor } from '../../../support/training_step';
import { expectSlopes } from '../../gradient_check';

export const TRAINING: LevelContext = { training: true, seed: 3 };

/** Sizes of a block: images `[batch, height, width, c]`, hidden width m, kernel side k. */
export interface Size {
  image: [batch: number, height: number, width: number, c: number];
  m: number;
  k: number;
}

/** In a tidy of the caller's. Plain tensors in place of variables, which a tidy does not free. */
export function blockWeights({ image, m, k }: Size): ConvNextWeights<tf.Variable> {
  const c = image[3];
  const variable = (shape: number[], seed: number, deviation = 1) =>
    tf.mul(normalTensor(shape, seed), deviation) as tf.Variable;
  return {
    depthwiseKernel: variable([k, k, c, 1], 1, 1 / k),
    depthwiseBias: variable([c], 2),
    gamma: variable([c], 3),
    beta: variable([c], 4),
    expandKernel: variable([c, m], 5, 1 / Math.sqrt(c)),
    expandBias: variable([m], 6),
    projectKernel: variable([m, c], 7, 1 / Math.sqrt(m)),
    projectBias: variable([c], 8),
    layerScale: variable([c], 9),
  };
}

/** Output, output again with what is kept, and gradients of input and weights. */
export function everything(fn: ConvNextFunction, x: tf.Tensor, dy: tf.Tensor): tf.Tensor[] {
  const { output, pullback } = fn.linearize([x], TRAINING);
  const { dInputs, dWeights } = pullback(dy);
  return [fn.forward([x], TRAINING), output, ...dInputs, ...dWeights];
}

/** Compares the gradients of a small block to finite differences. In a tidy of the caller's. */
export function checkBlockSlopes(): void {
  const size: Size = { image: [2, 3, 4, 5], m: 7, k: 3 };
  const w = blockWeights(size);
  const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
  const names = Object.keys(w) as (keyof typeof w)[];
  const run = (input: tf.Tensor, ...weights: tf.Tensor[]) => {
    const given = Object.fromEntries(names.map((name, i) => [name, weights[i]]));
    const fn = new ConvNextFunction(given as unknown as typeof w, 0.5, true);
    return fn.forward([input], TRAINING);
  };
  const { pullback } = new ConvNextFunction(w, 0.5, true).linearize([x], TRAINING);
  const { dInputs, dWeights } = pullback(dy);
  expectSlopes(run, [x, ...Object.values(w)], [...dInputs, ...dWeights], dy);
}

/** Images of no samples, and of no pixels. */
export const EMPTY_IMAGES: readonly Size['image'][] = [
  [0, 3, 4, 5],
  [2, 0, 4, 5],
];

/** Runs a block on such an image, whose weights then have gradients of zeros. In a tidy of the caller's. */
export function checkEmptyBlock(image: Size['image']): {
  x: tf.Tensor;
  w: ConvNextWeights<tf.Variable>;
} {
  const w = blockWeights({ image, m: 7, k: 3 });
  const x = tf.zeros(image);
  const [y, output, dx, ...dWeights] = everything(new ConvNextFunction(w, 0.5, true), x, x);
  for (const t of [y, output, dx]) expect(t?.shape).toEqual(image);
  const weights = Object.values(w) as tf.Tensor[];
  expect(dWeights.map(({ shape }) => shape)).toEqual(weights.map(({ shape }) => shape));
  dWeights.forEach((d, i) => expectClose(d, tf.zerosLike(weights[i] as tf.Tensor), 0));
  return { x, w };
}

/** Sizes to draw from. */
export const SIZES = fc.record({
  image: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    // Up to beyond a panel of the widest vectors. Of one or two channels normalisation leaves nothing but
    // signs, and its gradient is a difference of equal numbers: only rounding errors to compare.
    fc.integer({ min: 3, max: 70 }),
  ),
  m: fc.integer({ min: 1, max: 70 }),
  k: fc.integer({ min: 1, max: 5 }),
});
