/** Stored and reversible columns beside each other: losses of steps and the weights behind them. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { detectionStep, loadCheckpoint } from 'tfjs-revcol';
import { batchOf, network } from './contestant';
import { readSettings, rulesOf } from './settings';

/** Batches by whose gradients stored and reversible are compared. */
const COMPARED = 3;

/** Loss of a step, and the gradient of each weight. */
interface Step {
  readonly loss: number;
  readonly gradients: Map<string, Float32Array>;
}

/** Largest differences of loss and gradients of the trained weights, by their norm. */
export async function differences(out: string): Promise<object> {
  const found: Step[][] = [];
  for (const backprop of ['reversible', 'stored'] as const) {
    const model = network(readSettings(out), backprop);
    await loadCheckpoint(model, path.join(out, 'reversible.trained.safetensors'));
    const own: Step[] = [];
    for (let step = 0; step < COMPARED; step++) own.push(await gradientsOf(model, out, step));
    found.push(own);
    model.dispose();
  }
  const [reversible, stored] = found as [Step[], Step[]];
  let [loss, gradient, all] = [0, { error: 0, weight: '' }, 0];
  for (const [i, one] of reversible.entries()) {
    const other = stored[i] as Step;
    loss = Math.max(loss, Math.abs(one.loss - other.loss));
    let [squares, apartSquares] = [0, 0];
    for (const [weight, values] of one.gradients) {
      const expected = other.gradients.get(weight) as Float32Array;
      const apart = values.map((value, k) => value - (expected[k] as number));
      const error = normOf(apart) / (normOf(expected) || 1);
      if (error > gradient.error) gradient = { error, weight };
      squares += normOf(expected) ** 2;
      apartSquares += normOf(apart) ** 2;
    }
    all = Math.max(all, Math.sqrt(apartSquares / squares));
  }
  return {
    batches: COMPARED,
    largestLossDifference: loss,
    gradientErrorOfAllWeights: all,
    // Of shifts before a further batch normalisation, whose gradients all but cancel.
    largestGradientErrorOfAWeight: gradient,
  };
}

/** An optimizer that looks at gradients and leaves the weights alone. */
class Onlooker extends tf.SGDOptimizer {
  /** In the order of the variables. */
  seen: Promise<Float32Array>[] = [];

  constructor() {
    super(1);
  }

  override applyGradients(given: { name: string; tensor: tf.Tensor }[]): void {
    this.seen = given.map(({ tensor }) => Promise.resolve(tensor.dataSync<'float32'>().slice()));
  }
}

async function gradientsOf(model: tf.LayersModel, out: string, step: number): Promise<Step> {
  const { images, objects } = batchOf(out, step);
  const onlooker = new Onlooker();
  const settings = readSettings(out);
  const { seed } = settings.training;
  const options = { seed: [seed, step] as const, training: rulesOf(settings) };
  const { loss } = await detectionStep(model, onlooker, images, objects, options);
  images.dispose();
  onlooker.dispose();
  const values = await Promise.all(onlooker.seen);
  const names = model.trainableWeights.map((weight) => weight.originalName);
  return {
    loss,
    gradients: new Map(names.map((name, i) => [name, values[i] as Float32Array])),
  };
}

function normOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
