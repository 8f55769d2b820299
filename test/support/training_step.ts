/** One training step taken apart: loss and all gradients, as plain numbers. */
import * as tf from '@tensorflow/tfjs';

import { seededRandom, withSeededRandom } from '../../src/ops/engine/random';
import { tidyAll } from '../../src/ops/engine/tensors';
import { relativeError } from './backends';

/** Standard normal numbers (Box-Muller), the same for the same seed. */
export function normals(seed: number, size: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** A tensor of standard normal numbers. */
export function normalTensor(shape: number[], seed: number): tf.Tensor {
  return tf.tensor(normals(seed, tf.util.sizeFromShape(shape)), shape);
}

/** How to draw alphas; given a uniform random number generator. */
export type AlphaLaw = (random: () => number) => number;

/** Alphas of either sign between the published initial value and 1. */
export const MODERATE_ALPHAS: AlphaLaw = (random) =>
  (random() < 0.5 ? -1 : 1) * (0.4 + 0.6 * random());

/** Log-uniform magnitudes from 1e-3 to 1, either sign. */
export const WILD_ALPHAS: AlphaLaw = (random) => (random() < 0.5 ? -1 : 1) * 10 ** (-3 * random());

/**
 * Overwrites all weights with random values far from their initial ones, so that no term hides
 * behind a zero or a one: layer scales are large, LayerNorm and moving statistics not trivial.
 */
export function randomizeWeights(
  weights: readonly tf.LayerVariable[],
  seed: number,
  alphas: AlphaLaw = MODERATE_ALPHAS,
): void {
  weights.forEach((weight, i) => {
    const size = tf.util.sizeFromShape(weight.shape as number[]);
    const values = normals(seed + 7919 * i, size);
    const random = seededRandom(seed + 104729 * i);
    const [name, fanIn] = [weight.originalName, size / ((weight.shape.at(-1) as number) || 1)];
    tf.tidy(() => {
      weight.write(
        tf.tensor(values.map(valueOf(name, fanIn, random, alphas)), weight.shape as number[]),
      );
    });
  });
}

function valueOf(
  name: string,
  fanIn: number,
  random: () => number,
  alphas: AlphaLaw,
): (normal: number) => number {
  if (/alpha$/.test(name)) return () => alphas(random);
  if (/depthwise\/kernel$/.test(name)) return (v) => 0.3 * v;
  if (/kernel$/.test(name)) return (v) => v / Math.sqrt(fanIn);
  if (/moving_variance$/.test(name)) return (v) => 1 + v * v;
  if (/gamma$/.test(name)) return (v) => 1 + 0.2 * v;
  if (/layer_scale$/.test(name)) return (v) => 0.4 * v;
  return (v) => 0.2 * v;
}

/** Loss and gradients of one step. */
export interface Step {
  loss: number;
  /** By weight name; absent where the loss does not depend on the weight. */
  gradients: Map<string, Float32Array>;
  /** Of the input; null where not asked for or not depended on. */
  input: Float32Array | null;
}

/**
 * Loss and gradients with respect to `weights` and, unless `x` is null, to the input. All randomness
 * follows `seed`.
 */
export function takeStep(
  loss: () => tf.Tensor,
  weights: readonly tf.LayerVariable[],
  x: tf.Tensor | null = null,
  seed = 1,
): Step {
  return tidyAll(() => {
    const variables = weights.map((w) => w.read());
    const wanted = x ? [...variables, x] : variables;
    const { value, grads } = withSeededRandom(seed, () =>
      tf.engine().gradients(loss, wanted, undefined, true),
    );
    const gradients = new Map<string, Float32Array>();
    weights.forEach((w, i) => {
      const gradient = grads[i] as tf.Tensor | undefined;
      if (gradient) gradients.set(w.originalName, Float32Array.from(gradient.dataSync()));
    });
    const input = x ? (grads[weights.length] as tf.Tensor | undefined) : undefined;
    return {
      loss: value.dataSync()[0] as number,
      gradients,
      input: input ? Float32Array.from(input.dataSync()) : null,
    };
  });
}

/** A scalar that depends on every value of every output differently. */
export function projectedLoss(outputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
  const list = Array.isArray(outputs) ? outputs : [outputs];
  const terms = list.map((y, i) => tf.sum(tf.mul(y, normalTensor(y.shape, 5000 + i))));
  return tf.addN(terms);
}

/** Current values of the weights, by name. */
export function weightValues(weights: readonly tf.LayerVariable[]): Map<string, Float32Array> {
  return new Map(weights.map((w) => [w.originalName, Float32Array.from(w.read().dataSync())]));
}

/** The largest relative error among named values, and where it is. */
export function worstError(
  got: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): { error: number; name: string } {
  expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
  let worst = { error: 0, name: '' };
  for (const [name, values] of expected) {
    const error = relativeError(got.get(name) as Float32Array, values);
    if (!(error <= worst.error)) worst = { error, name };
  }
  return worst;
}

/** Asserts that two steps agree: loss, every weight's gradient, and the input's. */
export function expectSameStep(got: Step, expected: Step, tolerance: number): number {
  expect(Math.abs(got.loss - expected.loss)).toBeLessThanOrEqual(
    1e-5 * Math.max(1, Math.abs(expected.loss)),
  );
  const { error, name } = worstError(got.gradients, expected.gradients);
  if (!(error <= tolerance)) throw new Error(`gradient of ${name}: relative error ${error}`);
  expect(got.input == null).toBe(expected.input == null);
  const inputError = expected.input ? relativeError(got.input ?? [], expected.input) : 0;
  if (!(inputError <= tolerance))
    throw new Error(`gradient of the input: relative error ${inputError}`);
  return Math.max(error, inputError);
}
