/** What a training step of any network must be equal to. Networks come from `networks.ts`. */
import * as tf from '@tensorflow/tfjs';

import { withSeededRandom } from '../../src/ops/engine/random';
import { tidyAll } from '../../src/ops/engine/tensors';
import { useBackend } from './backends';
import {
  backboneOf,
  freezeSome,
  gradientError,
  inputOf,
  type Network,
  outcome,
  sampleShape,
} from './networks';
import {
  normals,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
  weightValues,
  worstError,
} from './training_step';

/** Rounding of shallow networks with few channels and pixels, which their LayerNorms amplify. */
const GRADIENT = 1e-3;

function expectSameStep(got: Step, expected: Step, gradients = true): void {
  const scale = Math.max(1, Math.abs(expected.loss));
  expect(Math.abs(got.loss - expected.loss)).toBeLessThanOrEqual(1e-5 * scale);
  if (!gradients) return;
  const { error, name } = gradientError(got, expected);
  expect({ [name]: error <= GRADIENT ? 'close' : error }).toEqual({ [name]: 'close' });
}

/**
 * The step of stored mode: loss, gradients, and all weights after it.
 *
 * @param gradients whether they can be compared: those of very narrow levels are all rounding
 */
export function expectSameAsStored(network: Network, gradients = true): void {
  const [reversible, stored] = [outcome(network, 'reversible'), outcome(network, 'stored')];
  if (gradients) {
    expect(stored.step.gradients.size + (stored.step.input ? 1 : 0)).toBeGreaterThan(0);
  }
  expectSameStep(reversible.step, stored.step, gradients);
  // Moving statistics, clamped alphas, and everything that must not have changed.
  expect(worstError(reversible.weights, stored.weights).error).toBeLessThanOrEqual(1e-6);
}

/** The step of another backend; the current one is current again afterwards. */
export async function expectSameOnBackend(network: Network, other: string): Promise<void> {
  const here = tf.getBackend();
  // Alphas near zero would amplify what backends round differently.
  const tame = { ...network, wild: false };
  const got = outcome(tame, 'reversible');
  await useBackend(other);
  try {
    expectSameStep(got.step, outcome(tame, 'reversible').step);
  } finally {
    await useBackend(here);
  }
}

/** The step of a copy that was saved and loaded, frozen parts included. */
export async function expectSameWhenLoaded(network: Network): Promise<void> {
  const build = () => {
    const dtype = network.tokens ? 'int32' : 'float32';
    const inputs = tf.input({ shape: sampleShape(network), dtype });
    const backbone = backboneOf(network, 'reversible');
    const outputs = backbone.apply(inputs) as tf.SymbolicTensor | tf.SymbolicTensor[];
    const model = tf.model({ inputs, outputs });
    randomizeWeights(model.weights, network.seed);
    freezeSome(backbone, network, true);
    return model;
  };
  const stepOf = (model: tf.LayersModel) =>
    tidyAll(() => {
      const x = inputOf(network);
      const loss = () =>
        projectedLoss(model.apply(x, { training: true }) as tf.Tensor | tf.Tensor[]);
      return takeStep(loss, model.trainableWeights);
    });
  const model = build();
  let saved: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  // What reaches a file is text.
  const { weightData, ...rest } = saved;
  const copy = JSON.parse(JSON.stringify(rest)) as tf.io.ModelArtifacts;
  const loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData }));
  const [expected, got] = [stepOf(model), stepOf(loaded)];
  expect(got).toEqual(expected);
  expect([...weightValues(loaded.weights)]).toEqual([...weightValues(model.weights)]);
  model.dispose();
  loaded.dispose();
}

/**
 * Lengths of the steps of finite differences, all weights together: long ones for what rounding
 * blurs, short ones where the loss curves, as behind a LayerNorm of numbers that are nearly equal.
 */
const STEPS = [4e-3, 1e-3, 2.5e-4];
/** Below this a gradient may be what rounding left of one that cancels, as before a normalisation. */
const LEAST_SLOPE = 0.1;

/** The slope of the loss along a random direction of all trained weights, by finite differences. */
export function expectSlope(network: Network): void {
  tf.tidy(() => {
    const backbone = backboneOf({ ...network, wild: false }, 'reversible');
    const x = inputOf(network);
    backbone.apply(x);
    randomizeWeights(backbone.weights, network.seed);
    freezeSome(backbone, network, true);
    const start = weightValues(backbone.weights);
    const weights = backbone.trainableWeights;
    const write = (move: (name: string, values: Float32Array) => Float32Array) =>
      tf.tidy(() => {
        for (const w of backbone.weights) {
          const values = start.get(w.originalName) as Float32Array;
          w.write(tf.tensor(move(w.originalName, values), w.shape as number[]));
        }
      });
    const loss = () =>
      projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor | tf.Tensor[]);
    const { gradients } = takeStep(loss, weights, null, network.seed);
    const size = Math.hypot(...[...gradients.values()].map((g) => Math.hypot(...g)));
    // Half of it along the gradient: along a random direction alone there is hardly a slope.
    const direction = new Map(
      [...gradients].map(([name, gradient], i) => {
        const noise = normals(network.seed + i, gradient.length);
        const length = Math.sqrt(gradients.size * gradient.length);
        return [name, gradient.map((g, k) => g / size / 2 + (noise[k] as number) / length / 2)];
      }),
    );
    const at = (distance: number) => {
      write((name, values) => values.map((v, k) => v + distance * (direction.get(name)?.[k] ?? 0)));
      return withSeededRandom(network.seed, () => tf.tidy(() => loss().dataSync()[0] as number));
    };
    const difference = (h: number) => (at(h) - at(-h)) / (2 * h);
    // Without the share of the curvature's change, which grows with the square of the step.
    const measured = STEPS.map((h) => (4 * difference(h / 2) - difference(h)) / 3);
    const slope = [...gradients].reduce(
      (sum, [name, g]) => sum + g.reduce((s, v, k) => s + v * (direction.get(name)?.[k] ?? 0), 0),
      0,
    );
    const errors = measured.map((m) => Math.abs(m - slope) / Math.max(size, LEAST_SLOPE));
    expect({ slope, measured, close: Math.min(...errors) < 0.01 }).toMatchObject({ close: true });
    backbone.dispose();
  });
}
