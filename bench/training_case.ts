/** RevCol at Tiny's width, ready to train by stock tfjs autodiff, in stored or in reversible mode. */
import * as tf from '@tensorflow/tfjs';

import { createModel } from 'tfjs-revcol';
import { stockForward, weightsByName } from './stock_network';

/** `'stock'`: written in tfjs operations only, differentiated by tfjs. */
export type Mode = 'stock' | 'stored' | 'reversible';

export interface Training {
  parameters: number;
  /** Logits of the batch, without gradients. */
  forward(): void;
  /** One step of plain gradient descent: forward, backward, update of every weight. */
  step(): void;
}

const CLASSES = 1000;
export const CHANNELS = [64, 128, 256, 512];
export const DEPTHS = [2, 2, 4, 2];
export const PATCH = 4;

/** Builds the network and a batch of noise. */
export function makeTraining(mode: Mode, columns: number, batch: number, side: number): Training {
  const inputShape: [number, number, number] = [side, side, 3];
  const backprop = mode === 'stored' ? 'stored' : 'reversible';
  const model = createModel('revcol_tiny', { columns, backprop, inputShape, numClasses: CLASSES });
  const weights = weightsByName(model);
  const layout = { columns, levels: CHANNELS.length, depths: DEPTHS, patchSize: PATCH };
  const x = tf.randomNormal([batch, ...inputShape], 0, 1, 'float32', 1);
  const labels = Array.from({ length: batch }, (_, i) => i);
  const y = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES));
  const optimizer = tf.train.sgd(1e-4);
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const logits = (training: boolean) =>
    mode === 'stock'
      ? stockForward(weights, layout, x)
      : (model.apply(x, { training }) as tf.Tensor);
  return {
    parameters: model.countParams(),
    forward: () => {
      tf.tidy(() => logits(false).dataSync());
    },
    step: () => {
      const loss = optimizer.minimize(
        () => tf.losses.softmaxCrossEntropy(y, logits(true)) as tf.Scalar,
        true,
        variables,
      ) as tf.Scalar;
      loss.dataSync();
      loss.dispose();
    },
  };
}
