/**
 * Small networks whose outputs and gradients are known: what a backend is compared with. Weights and batches
 * follow from their seeds; what must come of them is in `golden_values.ts`.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import { TokenEmbedding } from '../layers/transformer/token_embedding';
import { TokenHead } from '../layers/transformer/token_head';
import { createModel } from '../models/create_model';
import { softmaxCrossEntropy } from '../training/cross_entropy';
import { tokenCrossEntropy } from '../training/token_cross_entropy';
import { GOLDEN_VALUES } from './golden_values';
import { integers, uniform, weightValues } from './numbers';

/** How the backward pass gets its activations. */
export type Backprop = 'reversible' | 'stored';

/** Inputs and labels, as tensors that are the caller's. */
export interface Batch {
  x: tf.Tensor;
  labels: tf.Tensor;
}

/** What must come out. */
export interface Expected {
  loss: number;
  logits: Float32Array;
  /** By the name of the weight; zeros where the loss does not depend on it. */
  gradients: Map<string, Float32Array>;
}

/** A network, its batch, and what must come of them. */
export interface Golden {
  readonly name: 'image' | 'tokens';
  /** As sentences call it. */
  readonly what: string;
  /** Makes the network, with its weights; it is the caller's to dispose of. */
  build(backprop: Backprop): tfl.LayersModel;
  batch(): Batch;
  loss(labels: tf.Tensor, logits: tf.Tensor): tf.Scalar;
}

/** The sizes of the image network. */
export const IMAGE = {
  columns: 4,
  channels: [4, 6],
  depths: [1, 1],
  patchSize: 2,
  side: 12,
  classes: 5,
  batch: 2,
};

/** The sizes of the network over tokens. */
export const TOKENS = {
  columns: 3,
  levels: 2,
  depth: 1,
  width: 4,
  heads: 2,
  vocabulary: 11,
  length: 6,
  batch: 2,
};

/** Seeds of the batches; weights have those from 0 on. */
const X_SEED = 1000;
const LABEL_SEED = 1001;

function withWeights(model: tfl.LayersModel): tfl.LayersModel {
  model.weights.forEach((weight, seed) => {
    const shape = weight.shape as number[];
    const values = tf.tensor(weightValues(weight.originalName, shape, seed), shape);
    weight.write(values);
    values.dispose();
  });
  return model;
}

const image: Golden = {
  name: 'image',
  what: 'an image network',
  build: (backprop) => {
    const { side, classes, columns, channels, depths, patchSize } = IMAGE;
    const model = createModel('revcol_tiny', {
      inputShape: [side, side, 3],
      numClasses: classes,
      ...{ columns, channels, depths, patchSize, backprop },
    });
    return withWeights(model);
  },
  batch: () => {
    const { batch, side, classes } = IMAGE;
    return {
      x: tf.tensor(uniform(batch * side * side * 3, 0, 1, X_SEED), [batch, side, side, 3]),
      labels: tf.tensor1d(integers(batch, 0, classes, LABEL_SEED), 'int32'),
    };
  },
  loss: softmaxCrossEntropy,
};

const tokens: Golden = {
  name: 'tokens',
  what: 'a transformer',
  build: (backprop) => {
    const { columns, levels, depth, width, heads, vocabulary } = TOKENS;
    const perLevel = (value: number) => Array.from({ length: levels }, () => value);
    const ids = tfl.input({ shape: [null], dtype: 'int32', name: 'ids' });
    const features = new RevColBackbone({
      name: 'backbone',
      isotropic: true,
      columns,
      channels: perLevel(width),
      depths: perLevel(depth),
      stem: new TokenEmbedding({
        inputDim: vocabulary,
        outputDim: width,
        positions: 'sinusoidal',
        scale: 1,
      }),
      block: new TransformerEncoderBlock({ numHeads: heads, useCausalMask: true }),
      backprop,
    }).apply(ids);
    const logits = new TokenHead({ name: 'head', units: vocabulary }).apply(features);
    return withWeights(tfl.model({ inputs: ids, outputs: logits as tfl.SymbolicTensor }));
  },
  batch: () => {
    const { batch, length, vocabulary } = TOKENS;
    const ids = (seed: number) =>
      tf.tensor2d(integers(batch * length, 1, vocabulary, seed), [batch, length], 'int32');
    return { x: ids(X_SEED), labels: ids(LABEL_SEED) };
  },
  loss: tokenCrossEntropy,
};

/** The networks that every backend is compared on. */
export const GOLDENS: readonly Golden[] = [image, tokens];

/**
 * What must come out of a network.
 *
 * @param model made by the golden's `build`, for the names and sizes of its weights
 */
export function expectedOf({ name }: Golden, model: tfl.LayersModel): Expected {
  const bytes = Uint8Array.from(atob(GOLDEN_VALUES[name]), (c) => c.charCodeAt(0));
  const values = new Float32Array(bytes.buffer);
  const logitCount =
    name === 'image'
      ? IMAGE.batch * IMAGE.classes
      : TOKENS.batch * TOKENS.length * TOKENS.vocabulary;
  let at = 0;
  const take = (count: number) => values.subarray(at, (at += count));
  const [loss] = take(1);
  const logits = take(logitCount);
  const gradients = new Map(
    model.trainableWeights.map((weight) => [
      weight.originalName,
      take(tf.util.sizeFromShape(weight.shape as number[])),
    ]),
  );
  if (at !== values.length) {
    throw new Error(`the golden of ${name} holds ${values.length} numbers, ${at} were expected`);
  }
  return { loss: loss as number, logits, gradients };
}
