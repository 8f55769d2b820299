/** Small models to put adapters on. */
import * as tf from '@tensorflow/tfjs';

import { createLanguageModel, createModel, createVitModel, layers } from 'tfjs-revcol';
import { MODERATE_ALPHAS, normalTensor, randomizeWeights } from '../support/training_step';

export const CLASSES = 3;

/** A model with random weights, an input for it, and a loss of its output. */
export interface Subject {
  make(backprop?: 'reversible' | 'stored'): tf.LayersModel;
  input(): tf.Tensor;
  /** Kinds of its projections. */
  kinds: string[];
}

function randomized(model: tf.LayersModel): tf.LayersModel {
  randomizeWeights(model.weights, 3, MODERATE_ALPHAS);
  return model;
}

/** A user's block that holds a dense layer of tfjs's. */
function denseBlock(width: number): tf.LayersModel {
  const input = tf.input({ shape: [null, null, width] });
  const dense = tf.layers.dense({ units: width, activation: 'tanh' }).apply(input);
  return tf.model({ inputs: input, outputs: dense as tf.SymbolicTensor });
}

/** Every projection of tfjs's own that can have an adapter, and one that cannot. */
function stockModel(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 4, kernelSize: 3, padding: 'same' }),
      tf.layers.conv2d({
        filters: 5,
        kernelSize: 1,
        strides: 2,
        activation: 'relu',
        name: 'narrow',
      }),
      tf.layers.batchNormalization(),
      tf.layers.conv2d({ filters: 4, kernelSize: 1, activation: 'softplus' }),
      tf.layers.reshape({ targetShape: [9, 4] }),
      tf.layers.conv1d({ filters: 4, kernelSize: 1, strides: 2 }),
      tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 4, activation: 'elu' }) }),
      tf.layers.dense({ units: 5, useBias: false, activation: 'sigmoid' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: CLASSES, activation: 'softmax', name: 'classes' }),
    ],
  });
}

export const SUBJECTS: Record<string, Subject> = {
  'a RevCol': {
    make: (backprop) =>
      randomized(
        createModel('revcol_tiny', {
          inputShape: [8, 8, 2],
          patchSize: 1,
          numClasses: CLASSES,
          columns: 3,
          channels: [4, 6, 6],
          depths: [1, 1, 1],
          topFusion: true,
          backprop,
        }),
      ),
    input: () => normalTensor([2, 8, 8, 2], 1),
    kinds: ['pointwise', 'fusion'],
  },
  'a RevCol-ViT': {
    make: (backprop) =>
      randomized(
        createVitModel('revcol_vit_small', {
          inputShape: [8, 8, 2],
          patchSize: 4,
          numClasses: CLASSES,
          columns: 2,
          channels: [12, 12],
          depths: [1, 1],
          backprop,
        }),
      ),
    input: () => normalTensor([2, 8, 8, 2], 1),
    kinds: ['pointwise', 'attention', 'fusion'],
  },
  'a language model': {
    make: (backprop) =>
      randomized(
        createLanguageModel({
          vocabularySize: 7,
          sequenceLength: 5,
          width: 6,
          numHeads: 2,
          columns: 2,
          depths: [1, 1],
          backprop,
        }),
      ),
    input: () =>
      tf.tensor2d(
        [
          [1, 2, 3, 4, 5],
          [6, 5, 4, 0, 0],
        ],
        undefined,
        'int32',
      ),
    kinds: ['pointwise', 'attention', 'fusion'],
  },
  'columns of a block of dense layers': {
    make: (backprop) => {
      const block = denseBlock(4);
      const backbone = layers.revColBackbone({
        name: 'backbone',
        inputShape: [4, 4, 2],
        patchSize: 1,
        columns: 3,
        channels: [4, 4],
        depths: [1, 1],
        block,
        backprop,
      });
      const head = layers.revColHead({ units: CLASSES, name: 'head' });
      const model = randomized(tf.sequential({ layers: [backbone, head] }));
      block.dispose();
      return model;
    },
    input: () => normalTensor([2, 4, 4, 2], 1),
    kinds: ['dense', 'fusion'],
  },
  'stock layers': {
    make: () => randomized(stockModel()),
    input: () => normalTensor([3, 6, 6, 2], 1),
    kinds: ['conv', 'dense'],
  },
};

/** Gives adapters, whose second factor begins at zero, values that change something. */
export function randomizeAdapters(model: tf.LayersModel, seed = 5): void {
  const factors = model.weights.filter((w) => /lora_[ab]$/.test(w.originalName));
  factors.forEach((weight, i) => {
    tf.tidy(() => {
      weight.write(tf.mul(normalTensor(weight.shape as number[], seed + i), 0.3));
    });
  });
}

/** The model's output as numbers. */
export function outputOf(model: tf.LayersModel, x: tf.Tensor): Float32Array {
  return tf.tidy(() => Float32Array.from((model.predict(x) as tf.Tensor).dataSync()));
}

/** Values of a model's weights by place, but for the adapters' own. */
export function baseValues(model: tf.LayersModel): Map<string, Float32Array> {
  const base = model.weights.filter((w) => !/lora_[ab]$/.test(w.originalName));
  return new Map(base.map((w) => [String(w.id), Float32Array.from(w.read().dataSync())]));
}
