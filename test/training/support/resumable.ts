/** Trainings that are stopped and resumed: every kind of draw, state and weight in a few steps. */
import * as tf from '@tensorflow/tfjs';

import { Adafactor, AdamW, Ema, epochOrder, layers, Lion, SGD, trainingStep } from 'tfjs-revcol';
import { normalTensor, randomizeWeights } from '../../support/training_step';

/** Steps of a run. */
export const STEPS = 6;

const EXAMPLES = 8;
const BATCH = 2;
const PER_EPOCH = EXAMPLES / BATCH;

/** What of a training changes. */
export interface Training {
  model: tf.LayersModel;
  optimizer: tf.Optimizer;
  ema: Ema;
}

/**
 * Stochastic depth, dropout of tfjs with and without a seed, batch normalization, a frozen layer, and a
 * weight that is large enough for moments in bytes.
 *
 * @param seed of the weights
 */
export function makeModel(seed: number): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      layers.revColBackbone({
        ...{ inputShape: [4, 4, 2], columns: 2, channels: [3, 4], depths: [1, 1], patchSize: 1 },
        dropPathRate: 0.5,
      }),
      tf.layers.batchNormalization(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 64, activation: 'tanh' }),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dropout({ rate: 0.1, seed: 3 }),
      tf.layers.dense({ units: 4, trainable: false }),
      tf.layers.dense({ units: 2 }),
    ],
  });
  randomizeWeights(model.weights, seed);
  return model;
}

/** A training at its beginning. */
export function start(make: () => tf.Optimizer, seed: number): Training {
  const model = makeModel(seed);
  return { model, optimizer: make(), ema: new Ema(model, { decay: 0.9, warmup: true }) };
}

/** Optimizers of every kind; those of 8 bits only for wasm. */
export const OPTIMIZERS: Readonly<Record<string, { make(): tf.Optimizer }>> = {
  AdamW: { make: () => new AdamW({ learningRate: 0.01, weightDecay: 0.1 }) },
  'AdamW, fused, clipped, in groups': {
    make: () =>
      new AdamW({
        ...{ learningRate: 0.01, fused: true, clipPreviousNorm: 0.1, clipWeightNorm: 1 },
        groups: [{ names: 'kernel', learningRateScale: 0.5, weightDecay: 0.2 }],
      }),
  },
  'AdamW, 8-bit': { make: () => new AdamW({ moments: '8bit' }) },
  'AdamW, 8-bit, fused': { make: () => new AdamW({ moments: '8bit', fused: 'safe' }) },
  Lion: { make: () => new Lion({ learningRate: 0.01, weightDecay: 0.1, fused: true }) },
  Adafactor: { make: () => new Adafactor({ beta1: 0.9 }) },
  'Adafactor without means, fused': { make: () => new Adafactor({ fused: true }) },
  SGD: { make: () => new SGD({ learningRate: 0.05 }) },
  'SGD, Nesterov, fused': {
    make: () => new SGD({ learningRate: 0.05, momentum: 0.9, nesterov: true, fused: true }),
  },
  'tf.train.adam': { make: () => tf.train.adam(0.01) },
  'tf.train.momentum': { make: () => tf.train.momentum(0.05, 0.9) },
  // Centered it takes roots of negative numbers.
  'tf.train.rmsprop': { make: () => tf.train.rmsprop(1e-3, 0.9, 0.5) },
  'tf.train.sgd': { make: () => tf.train.sgd(0.05) },
};

/** One step, which depends on its number alone. */
export function takeStep({ model, optimizer, ema }: Training, step: number): void {
  const order = epochOrder(5, Math.floor(step / PER_EPOCH), EXAMPLES);
  const at = (step % PER_EPOCH) * BATCH;
  tf.tidy(() => {
    const examples = [...order.subarray(at, at + BATCH)];
    const x = tf.stack(examples.map((i) => normalTensor([4, 4, 2], 100 + i)));
    const labels = tf.oneHot(tf.tensor1d(examples, 'int32').mod(2).toInt(), 2);
    trainingStep(model, optimizer, x, (logits) => tf.losses.softmaxCrossEntropy(labels, logits), {
      seed: [9, step],
    });
    ema.update();
  });
}

/** Values of all weights, in an order that does not depend on what is trained, and of the averages. */
export async function valuesOf({ model, ema }: Training): Promise<tf.TypedArray[]> {
  const weights = model.layers.flatMap((layer) => layer.weights.map((w) => w.read()));
  const averages = await ema.getWeights();
  const all = [...weights, ...averages.map(({ tensor }) => tensor)];
  return Promise.all(all.map(async (tensor) => (await tensor.data()).slice() as tf.TypedArray));
}

/** Asserts the same bits. */
export function expectSameBits(got: tf.TypedArray[], expected: tf.TypedArray[]): void {
  const bits = ({ buffer, byteOffset, byteLength }: tf.TypedArray) =>
    String(new Uint8Array(buffer, byteOffset, byteLength));
  expect(got.length).toBe(expected.length);
  got.forEach((values, i) => {
    if (bits(values) === bits(expected[i] as tf.TypedArray)) return;
    throw new Error(`weight ${i}: ${String(values)} is not ${String(expected[i])}`.slice(0, 500));
  });
}

export function dispose({ model, optimizer, ema }: Training): void {
  ema.dispose();
  optimizer.dispose();
  // Some of tfjs's forget a constant.
  tf.dispose(Object.values(optimizer).filter((value) => value instanceof tf.Tensor));
  model.dispose();
}
