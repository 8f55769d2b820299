/** Small models trained with AdamW, which are freed after each test. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, type AdamWArgs, layers } from 'tfjs-revcol';
import { normalTensor, randomizeWeights } from '../../support/training_step';

const models: tf.LayersModel[] = [];

/** Frees a model and its optimizer. */
export function free(model: tf.LayersModel): void {
  model.optimizer?.dispose();
  model.dispose();
  models.splice(models.indexOf(model), 1);
}

/** Frees all models that a test has made. */
export function freeModels(): void {
  for (const model of [...models]) free(model);
}

/** Remembers a model, so that it is freed. */
export function own<T extends tf.LayersModel>(model: T): T {
  models.push(model);
  return model;
}

/** Layers of these names, all of one shape. */
export function dense(names: readonly string[], seed = 1): tf.LayersModel {
  const inputs = tf.input({ shape: [3] });
  const outputs = names.reduce(
    (x, name) =>
      tf.layers.dense({ name, units: 3, activation: 'tanh' }).apply(x) as tf.SymbolicTensor,
    inputs,
  );
  const model = own(tf.model({ inputs, outputs }));
  randomizeWeights(model.weights, seed);
  return model;
}

/** A model in a model; its weights have other shapes than those of `dense`. */
export function nested(): tf.LayersModel {
  const inner = tf.sequential({
    name: 'inner',
    layers: [tf.layers.dense({ name: 'a', units: 4, inputShape: [3] })],
  });
  const outer = own(tf.sequential({ layers: [inner, tf.layers.dense({ name: 'b', units: 3 })] }));
  randomizeWeights(outer.weights, 2);
  return outer;
}

/** A backbone with two columns, and a head. */
export function columns(): tf.LayersModel {
  const backbone = { columns: 2, channels: [2, 3], depths: [1, 1], patchSize: 2 };
  const model = own(
    tf.sequential({
      layers: [
        layers.revColBackbone({ ...backbone, name: 'backbone', inputShape: [4, 4, 3] }),
        layers.revColHead({ name: 'head', units: 3 }),
      ],
    }),
  );
  randomizeWeights(model.weights, 3);
  return model;
}

/** Compiles with an AdamW of these arguments, or with that optimizer. */
export function compile(
  model: tf.LayersModel,
  args: AdamWArgs | tf.Optimizer = {},
): tf.LayersModel {
  const given = 'minimize' in args;
  const optimizer = given ? args : new AdamW({ learningRate: 0.05, weightDecay: 0.1, ...args });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

/** Values of all weights after some steps, always on the same batch. */
export async function train(model: tf.LayersModel, steps: number): Promise<number[][]> {
  const shape = model.inputs[0]?.shape.slice(1) as number[];
  const [x, y] = [normalTensor([4, ...shape], 4), normalTensor([4, 3], 5)];
  for (let i = 0; i < steps; i++) await model.trainOnBatch(x, y);
  tf.dispose([x, y]);
  return valuesOf(model);
}

/** In an order that does not depend on what is frozen. */
export function weightsOf(model: tf.LayersModel): tf.LayerVariable[] {
  return model.layers.flatMap((layer) => layer.weights);
}

export function valuesOf(model: tf.LayersModel): number[][] {
  return weightsOf(model).map((w) => [...w.read().dataSync()]);
}

/** Freezes all layers but those named, and compiles again with the same optimizer. */
export function trainOnly(model: tf.LayersModel, names: readonly string[]): void {
  for (const layer of model.layers) layer.trainable = names.includes(layer.name);
  compile(model, model.optimizer);
}
